import type { OnProgress } from '@cipherformer/base';
import {
  BootstrapMatrices,
  BootstrapPlan,
  Bootstrapper,
  type Ciphertext,
  type Context,
  ciphertextFromWire,
  ciphertextToWire,
  type KeySpec,
  readKeySet,
  type WireObject,
} from '@cipherformer/ckks';
import type { CkksMachine } from '../backends/ckks.ts';
import { FileError, MismatchError } from '../errors.ts';
import { missingSpecs } from '../keys/key-list.ts';
import type { KeySource } from '../keys/key-source.ts';
import { EnvelopeReader, type SentTokens, sealEnvelope } from '../protocol/envelope.ts';
import { keySpecsOf, type ProgramManifest, stepManifest } from '../protocol/manifest.ts';
import { HashedSource } from '../protocol/request.ts';

// The server's side: nothing here may import what makes, reads or uses a secret key.

/** The keys of one client, ready to run one program. */
export interface LoadedKeys extends Disposable {
  readonly machine: CkksMachine;
  /** Of the secret key they belong to: inputs have to belong to the same one. */
  readonly key: string;
  /** Of all keys in memory: what the manifest's keys.keyBytes predicts. */
  readonly keyBytes: number;
}

export interface LoadKeysOptions {
  readonly progress?: OnProgress;
  readonly signal?: AbortSignal;
  /**
   * Gives the matrices of a bootstrap, of this context: asked once the keys are there, and only where they hold a
   * bootstrap's. They stay the giver's, who lets them outlive the keys. Default: encoded here, disposed of with the keys.
   */
  readonly matrices?: (progress?: OnProgress) => BootstrapMatrices;
}

/**
 * Reads the evaluation keys of a program, and encodes the bootstrap's matrices unless they are given.
 * @throws MismatchError for keys that do not cover the program's plan, WireError for damaged ones, OperandError for
 * matrices of another context; the signal's reason
 */
export async function loadKeys(
  context: Context,
  manifest: ProgramManifest,
  source: KeySource,
  { progress, signal, matrices: shared }: LoadKeysOptions = {},
): Promise<LoadedKeys> {
  checkKeys(source.specs, manifest);
  const specs = keySpecsOf(manifest);
  const held: Disposable[] = [];
  const release = () => {
    for (const one of held.reverse()) one[Symbol.dispose]();
  };
  try {
    const set = await readKeySet(context, specs, (part) => source.part(part), {
      ...(progress ? { progress } : {}),
      ...(signal ? { signal } : {}),
    });
    held.push(set);
    signal?.throwIfAborted();
    const { evaluation, toSparse, toDense, bytes: keyBytes } = set;
    const loaded = { key: source.key, keyBytes, [Symbol.dispose]: release };
    if (!toSparse || !toDense)
      return { ...loaded, machine: { context, plan: new BootstrapPlan(context.parameters), keys: evaluation } };
    const matrices = shared?.(progress) ?? new BootstrapMatrices(context, new BootstrapPlan(context.parameters), progress); // biome-ignore format: one line
    if (!shared) held.push(matrices);
    context.require(matrices.context, 'the set of bootstrap matrices');
    const bootstrapper = new Bootstrapper(matrices, { evaluation, toSparse, toDense, [Symbol.dispose]() {} });
    return { ...loaded, machine: { context, plan: matrices.plan, keys: evaluation, bootstrapper } };
  } catch (error) {
    release();
    throw error;
  }
}

/** @throws MismatchError for keys that do not cover the program's plan */
export function checkKeys(there: readonly KeySpec[], manifest: ProgramManifest): void {
  const specs = keySpecsOf(manifest);
  const missing = missingSpecs(there, specs);
  if (missing.length > 0)
    throw new MismatchError(
      `the evaluation keys lack ${missing.length} of the ${specs.length} that this program needs: run keygen for this program, it adds them`,
    );
}

/** An encrypted input as a server reads it. */
export interface ReceivedRequest {
  /** A ciphertext for each input of the program; dispose of them after the run. */
  readonly inputs: readonly Ciphertext[];
  /** SHA-256 of its bytes, in hexadecimal: the result says that it answers this request. */
  readonly request: string;
  /** Of a program that generates: which tokens it brings. */
  readonly tokens?: SentTokens;
}

/** The ciphertexts of an input. @throws FileError for one of another program or key, WireError for damaged data */
export async function readInputs(
  context: Context,
  manifest: ProgramManifest,
  key: string,
  source: AsyncIterable<Uint8Array>,
  where: string,
): Promise<ReceivedRequest> {
  const file = new HashedSource(source);
  const reader = new EnvelopeReader(file, where);
  const inputs: Ciphertext[] = [];
  try {
    const { lengths, tokens } = await reader.header({ kind: 'inputs', program: manifest.digest, key });
    checkTokens(manifest, tokens, where);
    const { inputs: wanted } = tokens?.kind === 'next' ? stepManifest(manifest) : manifest;
    for (const length of lengths.slice(0, wanted.length))
      inputs.push(await ciphertextFromWire(context, reader.object(length)));
    await reader.end();
    return { inputs, request: file.hash!, ...(tokens ? { tokens } : {}) };
  } catch (error) {
    for (const input of inputs) input[Symbol.dispose]();
    throw error;
  } finally {
    await reader.close();
  }
}

/** @throws FileError where a request says nothing, or the impossible, of the tokens that it brings */
function checkTokens({ generation }: ProgramManifest, tokens: SentTokens | undefined, where: string): void {
  if (!generation !== !tokens)
    throw new FileError(
      tokens
        ? `${where} goes on token by token, and this program answers once: compile it for generation`
        : `${where} does not say which tokens it brings, and this program goes on token by token: generate`,
    );
  if (!generation || !tokens) return;
  const most = generation.tokens;
  if (tokens.kind === 'prompt' ? tokens.count > most : tokens.position >= most)
    throw new FileError(
      `${where} brings ${tokens.kind === 'prompt' ? `${tokens.count} tokens` : `the token ${tokens.position}`}, this program takes ${most} in all: shorten the prompt or what is to follow it`,
    );
}

/**
 * The file of a result, bound to program, key and request. The levels a client does not need are dropped.
 * @param received the request that it answers
 */
export function outputsFile(
  manifest: ProgramManifest,
  key: string,
  received: Pick<ReceivedRequest, 'request' | 'tokens'>,
  outputs: readonly Ciphertext[],
): Promise<WireObject> {
  const { request, tokens } = received;
  const { outputs: written } = tokens?.kind === 'next' ? stepManifest(manifest) : manifest;
  const objects = outputs.map((output, i) => ciphertextToWire(output.dropTo(written[i]!.level)));
  return sealEnvelope({ kind: 'outputs', program: manifest.digest, key, request }, objects);
}
