import type { WireObject } from '@cipherformer/ckks';
import type { PlannedProgram } from '@cipherformer/runtime';
import {
  CacheError,
  type CacheName,
  type CkksMachine,
  type KeptCaches,
  outputsFile,
  type ReceivedRequest,
  runCkks,
} from '@cipherformer/runtime/server';
import { followRun, type RunWork } from './cost/follow-run.ts';
import type { OpenProgram } from './program-folder.ts';

export interface RunRequestOptions {
  /** Names the secret key that request and evaluation keys belong to. */
  readonly key: string;
  /** Where keys and values of generations are kept, and the name of these evaluation keys there; who generates needs it. */
  readonly kept?: { readonly caches: KeptCaches; readonly keys: string };
  readonly signal?: AbortSignal;
  /** After every instruction. */
  readonly progress?: (work: RunWork) => void;
}

/**
 * Runs a program on a request and writes the result. Of a program that generates: a prompt, whose keys and values are kept, or one
 * more token, whose are added once the result is written; where that fails what was kept stays as it was, and the token may be sent
 * again.
 * @param write takes the file of the result, which is there until it is written
 * @throws CacheError for a step that cannot go on from what is kept; errors as runCkks, and of `write`; the signal's reason
 */
export async function runRequest<Written>(
  opened: OpenProgram,
  machine: CkksMachine,
  received: ReceivedRequest,
  { key, kept: keeping, signal, progress }: RunRequestOptions,
  write: (file: WireObject) => Promise<Written>,
): Promise<Written> {
  const { manifest, parameters } = opened;
  const { tokens, request, inputs } = received;
  if (tokens && !keeping)
    throw new CacheError('cache-gone', 'nothing is kept here between runs: generate where keys stay in memory');
  const { caches, keys = '' } = keeping ?? {};
  const name: CacheName = { keys, prompt: tokens?.kind === 'next' ? tokens.prompt : request };
  if (tokens?.kind === 'prompt') caches!.reserve(manifest.generation!.keptBytes);
  const kept = tokens?.kind === 'next' ? caches!.get(name, tokens.position) : [];
  const planned = tokens ? plannedFor(opened, tokens) : opened;
  const follow = followRun({ program: planned.program, parameters });
  using result = await runCkks(machine, planned, inputs, {
    kept,
    ...(signal ? { signal } : {}),
    ...(progress ? { onInstruction: (timing) => progress(follow(timing)) } : {}),
  });
  try {
    const written = await write(await outputsFile(manifest, key, received, result.outputs));
    if (tokens) caches!.set(name, tokens.kind === 'prompt' ? tokens.count : tokens.position + 1, result.kept);
    return written;
  } catch (error) {
    for (const ciphertext of result.kept) ciphertext[Symbol.dispose]();
    throw error;
  }
}

/** The program for these tokens, with the keys of all. */
function plannedFor(
  { generation, bootstrapPlan, keyPlan }: OpenProgram,
  tokens: NonNullable<ReceivedRequest['tokens']>,
): PlannedProgram {
  const { prefill, step } = generation!;
  const program = tokens.kind === 'prompt' ? prefill(tokens.count) : step(tokens.position);
  return { program, bootstrapPlan, keyPlan };
}
