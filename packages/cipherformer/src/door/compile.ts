import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OnProgress } from '@cipherformer/base';
import type { Parameters } from '@cipherformer/ckks';
import type { Precision } from '@cipherformer/compiler';
import { readManifest } from '@cipherformer/runtime/server';
import { ProgramThread } from '../thread/program-thread.ts';
import type { PolynomialModel } from './polynomial-model.ts';
import { keepThread, Program } from './program.ts';

/** Where a program goes, and what it is compiled for. */
export interface CompileOptions {
  /** The new folder of the program. */
  readonly folder: string;
  /** Inputs computed at once, a power of two; 'throughput': as many as make the predicted time of one the least. Default 1. */
  readonly batch?: number | 'throughput';
  /** A language model that goes on token by token, from what was kept of the tokens before. Default: it answers once. */
  readonly generation?: boolean;
  /** How much noise is taken, where no parameters are given. Default 'chosen': what the predicted error asks for. */
  readonly precision?: Precision;
  /** Most memory that a run may take, in bytes: 'throughput' keeps to it, a program that takes more is refused. Default: any. */
  readonly memoryBytes?: number;
  /** Of the encryption. Default: N = 2^16 with bootstrapping, at 128-bit security. */
  readonly parameters?: Parameters;
  readonly progress?: OnProgress;
  /** Looked at between the steps of the compilation. */
  readonly signal?: AbortSignal;
}

/**
 * Compiles a polynomial model into an encrypted program, in a thread of its own. Cost: 3 to 10 seconds of processor time for
 * the shipped models of six layers.
 * @param model a polynomial model, or the folder of one
 * @throws FileError for a folder that is no model, or a program's that exists; LayoutError and PlacementError for a model that
 * cannot be compiled, ResourceError for more memory than is allowed; the signal's reason
 */
export async function compile(
  model: string | PolynomialModel,
  { folder, parameters, progress, signal, ...options }: CompileOptions,
): Promise<Program> {
  signal?.throwIfAborted();
  progress?.({ what: 'compiling', done: 0, total: 1 });
  const thread = new ProgramThread();
  try {
    await withFolder(model, (source) => thread.compile({ model: source, folder, options, parameters }, { signal }));
    progress?.({ what: 'compiling', done: 1, total: 1 });
    const { insecure } = parameters ?? {};
    return keepThread(new Program(folder, await readManifest(folder, { insecure })), thread);
  } catch (error) {
    await thread.close();
    throw error;
  }
}

/** Works with a model's folder: its own, or one that is made for the while. */
async function withFolder<T>(model: string | PolynomialModel, work: (folder: string) => Promise<T>): Promise<T> {
  if (typeof model === 'string') return work(model);
  if (model.folder !== undefined) return work(model.folder);
  const temporary = await mkdtemp(join(tmpdir(), 'cipherformer-model-'));
  try {
    const folder = join(temporary, 'model');
    await model.save(folder);
    return await work(folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
