import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Parameters, SecurityOptions } from '@cipherformer/ckks';
import { availableMemoryBytes, checkMemory, totalMemoryBytes } from '@cipherformer/runtime/server';
import { limitsSchema } from '../limits.ts';
import { Programs } from '../programs.ts';
import { accessOf, type RunningService, type ServeOptions, serve } from '../serve.ts';
import { type SharedOptions, startSharedWorker } from '../shared/backend.ts';
import { openDataFolder } from '../store/data-folder.ts';
import {
  type PreparedProgram,
  type PrepareOptions,
  prepareProgram,
  sweepPrograms,
  withCovering,
} from './prepare-program.ts';
import { defaultWorkerBytes, forkWorker } from './worker-process.ts';

export interface ServiceOptions extends Omit<ServeOptions, 'programs' | 'spawnWorker'> {
  /** Folders of programs or of polynomial models. */
  readonly folders: readonly string[];
  readonly security?: SecurityOptions;
  /** Gives polynomial models away, for pages that compute answers in clear beside the encrypted ones. Default: no. */
  readonly publishModel?: boolean;
  /** Default: the worker of this package, which takes nothing below 128-bit security. */
  readonly spawnWorker?: ServeOptions['spawnWorker'];
  /** What the process that computes may take of memory. Default: nine tenths of the machine's. */
  readonly workerBytes?: number;
  /** Of programs that are compiled here. Default: those of `compile`. */
  readonly parameters?: Parameters;
  /** Hears what takes time, what the machine lacks, and faults that no owner sees. */
  readonly notice: (text: string) => void;
}

/**
 * Serves programs, on this machine's loopback where nothing else is said.
 * @throws ResourceError for a program that this machine can never run, StartError where the service cannot start, the
 * signal's reason; errors as prepareProgram
 */
export async function startService(
  options: ServiceOptions,
): Promise<{ readonly service: RunningService; readonly programs: readonly PreparedProgram[] }> {
  const {
    folders,
    parameters,
    publishModel,
    workerBytes = defaultWorkerBytes(),
    security = {},
    notice,
    ...rest
  } = options;
  const { data, signal } = rest;
  // Before anything is compiled.
  accessOf(rest);
  const prepared = await preparePrograms(folders, data, workerBytes, {
    security,
    parameters,
    publishModel,
    notice,
    signal,
  });
  const service = await serve({
    spawnWorker: () => forkWorker(workerBytes),
    log: { level: 'error', stream: { write: (line: string) => notice(wordsOf(line)) } },
    ...rest,
    programs: prepared.map(({ manifest: _, ...program }) => program),
  });
  await sweepPrograms(compiledIn(data));
  return { service, programs: prepared };
}

export interface WorkerOptions {
  /** Folders of programs or of polynomial models: those that the services have. */
  readonly folders: readonly string[];
  /** Folder of this worker alone: compiled programs, keys that were fetched. */
  readonly data: string;
  readonly shared: SharedOptions;
  readonly security?: SecurityOptions;
  readonly spawnWorker?: ServeOptions['spawnWorker'];
  /** As of a service. */
  readonly workerBytes?: number;
  readonly parameters?: Parameters;
  /** How long the process that computes may take to stop, in milliseconds. Default 10 s. */
  readonly graceMs?: number;
  readonly notice: (text: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * Computes for services that share Redis and a bucket, until it is closed.
 * @throws as startService
 */
export async function startWorker(options: WorkerOptions): Promise<{
  readonly id: string;
  readonly programs: readonly PreparedProgram[];
  close(): Promise<void>;
}> {
  const {
    folders,
    data,
    shared,
    security = {},
    workerBytes = defaultWorkerBytes(),
    parameters,
    notice,
    signal,
    graceMs = 10_000,
  } = options;
  const programs = await preparePrograms(folders, data, workerBytes, { security, parameters, notice, signal });
  const worker = await startSharedWorker({
    ...{
      ...shared,
      data,
      graceMs,
      spawnWorker: options.spawnWorker ?? (() => forkWorker(workerBytes)),
      limits: limitsSchema.parse({}),
    },
    programs: await Programs.open(programs.map(({ manifest: _, ...program }) => program)),
    onFault: (what, error) => notice(['warning', what, error === undefined ? '' : messageOf(error)].filter(Boolean).join(': ')), // biome-ignore format: short
  });
  await sweepPrograms(compiledIn(data));
  return { ...worker, programs };
}

const compiledIn = (data: string): string => join(data, 'programs');

async function preparePrograms(
  folders: readonly string[],
  data: string,
  workerBytes: number,
  options: Omit<PrepareOptions, 'compiled'>,
): Promise<PreparedProgram[]> {
  const compiled = compiledIn(data);
  await openDataFolder(data);
  await mkdir(compiled, { recursive: true, mode: 0o700 });
  const programs: PreparedProgram[] = [];
  for (const folder of folders) {
    const program = await prepareProgram(folder, { ...options, compiled });
    options.signal?.throwIfAborted();
    checkMachine(program, workerBytes, options.notice);
    programs.push(program);
  }
  return withCovering(programs);
}

/** Memory that is taken now may be free when a question comes; what the machine does not have never will be. */
function checkMachine(program: PreparedProgram, workerBytes: number, notice: (text: string) => void): void {
  checkMemory(program, Math.min(workerBytes, totalMemoryBytes()));
  try {
    checkMemory(program, availableMemoryBytes());
  } catch (error) {
    notice(`warning: questions will fail until more memory is free: ${messageOf(error)}`);
  }
}

/** An entry of the service's log, which is JSON, for a person. */
function wordsOf(line: string): string {
  const { msg, err } = JSON.parse(line) as { readonly msg?: string; readonly err?: { readonly message?: string } };
  return ['warning', msg, err?.message].filter(Boolean).join(': ');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
