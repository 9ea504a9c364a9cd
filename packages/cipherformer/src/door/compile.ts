import type { OnProgress } from '@cipherformer/base';
import type { Parameters } from '@cipherformer/ckks';
import { writeProgram } from '@cipherformer/compiler';
import { Program } from './program.ts';

export interface CompileOptions {
  /** The new folder of the program. */
  readonly folder: string;
  /** Inputs computed at once, a power of two; 'throughput': as many as make the predicted time of one the least. Default 1. */
  readonly batch?: number | 'throughput';
  /** Most memory that a run may take, in bytes: 'throughput' keeps to it, a program that takes more is refused. Default: any. */
  readonly memoryBytes?: number;
  /** Of the encryption. Default: N = 2^16 with bootstrapping, at 128-bit security. */
  readonly parameters?: Parameters;
  readonly progress?: OnProgress;
  /** Looked at between the steps of the compilation. */
  readonly signal?: AbortSignal;
}

/**
 * Compiles a polynomial model into an encrypted program. Cost: 3 to 10 seconds of processor time for the
 * shipped models of six layers, in which the event loop stands.
 * @param model folder of a polynomial model, or the model that `PolynomialModel.load` read from one
 * @throws FileError for a folder that is no model, or a program's that exists; LayoutError and PlacementError for a model that
 * cannot be compiled, ResourceError for more memory than is allowed; the signal's reason
 */
export async function compile(
  model: string | { readonly folder: string },
  { folder, batch, memoryBytes, parameters, progress, signal }: CompileOptions,
): Promise<Program> {
  signal?.throwIfAborted();
  progress?.({ what: 'compiling', done: 0, total: 1 });
  const options = { ...(batch === undefined ? {} : { batch }), ...(memoryBytes === undefined ? {} : { memoryBytes }), ...(signal ? { signal } : {}) }; // biome-ignore format: short
  const opened = await writeProgram(typeof model === 'string' ? model : model.folder, folder, options, parameters);
  progress?.({ what: 'compiling', done: 1, total: 1 });
  return new Program(folder, opened.manifest, async () => opened);
}
