import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServedProgram } from '../programs.ts';
import type { ServeOptions } from '../serve.ts';

/** A service that is measured. */
export interface Started {
  readonly url: string;
  /** From the start of its process to its first answer. */
  readonly startSeconds: number;
  /** Resident memory now, and the most since it started; undefined where the system does not tell. */
  memoryBytes(): { readonly now: number; readonly peak: number } | undefined;
  /** Processor time of its process until now; undefined where the system does not tell. */
  cpuSeconds(): number | undefined;
  stop(): Promise<void>;
}

export const plan = digestOf('a plan');
export const program = digestOf('a program');
export const format = 'bench-keys/1';

export function digestOf(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Starts a service with one program that is none. */
export async function startMeasured(folder: string, changes: Partial<ServeOptions> = {}): Promise<Started> {
  const clientFolder = join(folder, 'program');
  mkdirSync(clientFolder, { recursive: true });
  writeFileSync(join(clientFolder, 'manifest.json'), '{}');
  const served: ServedProgram = { digest: program, plan, summary: { name: 'bench', task: 'none' }, clientFolder, clientFiles: ['manifest.json'], folder: clientFolder }; // biome-ignore format: a line
  const options = { programs: [served], data: join(folder, 'data'), ...changes };
  const file = fileURLToPath(new URL('../../dist/bench/service-process.js', import.meta.url));
  const from = performance.now();
  const child = spawn(process.execPath, [file, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const first = await Promise.race([once(child.stdout, 'data'), ended]);
  if (child.exitCode !== null || !(first[0] instanceof Buffer))
    throw new Error('the service that is measured did not start');
  const url = first[0].toString().trim();
  await fetch(`${url}/readyz`);
  return {
    url,
    startSeconds: (performance.now() - from) / 1000,
    memoryBytes: () => memoryOf(child.pid!),
    cpuSeconds: () => cpuSecondsOf(child.pid!),
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Ticks of the kernel's clock in a second, on every Linux. */
const ticks = 100;

function cpuSecondsOf(pid: number): number | undefined {
  try {
    // The name of the process, which may hold spaces, is in brackets.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / ticks;
  } catch {
    return undefined;
  }
}

function memoryOf(pid: number): { now: number; peak: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8');
    const of = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(text)![1]) * 1024;
    return { now: of('VmRSS'), peak: of('VmHWM') };
  } catch {
    return undefined;
  }
}
