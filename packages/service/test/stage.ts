// Where services are killed or fuzzed: on a folder of one machine, or on Redis and S3 with a worker beside them (shared/stage.ts).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FaultPoint } from '../src/faults.ts';
import type { ServedProgram, ServeOptions } from '../src/index.ts';
import type { ServiceProcess } from './killable.ts';
import { startProcess, stored, workspace } from './support.ts';

/** How a process is started: at the port that it had, and with the step at which it ends by kill -9. */
export interface StartOptions extends Pick<ServeOptions, 'port' | 'open' | 'limits'> {
  readonly killedAt?: FaultPoint;
}

/** One folder, or one Redis and one bucket, with nothing in it. */
export interface Stage {
  /** Digest of the program that is served. */
  readonly program: string;
  /** Longest time until a task goes on whose worker was killed. */
  readonly patienceMs: number;
  startService(options?: StartOptions): Promise<ServiceProcess>;
  /** Where services do not compute. */
  startWorker?(options?: StartOptions): Promise<ServiceProcess>;
  /** Names of what the owner of this machine has, and of what is on its way. */
  stored(): Promise<ReturnType<typeof stored>>;
  part(name: string): Promise<Uint8Array>;
  /** Has what kills have left removed. Nothing runs meanwhile. */
  sweep(): Promise<void>;
  dispose(): Promise<void>;
}

/** A folder of one machine. */
export function folderStage(files: { path(name: string): string }, program: Partial<ServedProgram> = {}): Stage {
  const place = workspace(program);
  const { spawnWorker: _, ...options } = place.options('');
  const startService = ({ killedAt, ...given }: StartOptions = {}) =>
    startProcess(files, { ...options, ...given }, killedAt);
  return {
    program: place.program.digest,
    patienceMs: 15_000,
    startService,
    stored: async () => stored(place.data),
    part: async (name) => readFileSync(join(place.data, 'parts', 'local', name)),
    // The start does it.
    sweep: async () => (await startService()).kill(),
    dispose: async () => place.dispose(),
  };
}
