import {
  BootstrapPlan,
  Bootstrapper,
  bootstrapKeysFromWire,
  type Ciphertext,
  type Context,
  ciphertextFromWire,
  ciphertextToWire,
  evaluationKeysFromWire,
  type Progress,
  type WireObject,
} from '@cipherformer/ckks';
import type { CkksMachine } from '../backends/ckks.ts';
import { EnvelopeReader, sealEnvelope } from './envelope.ts';
import type { ProgramManifest } from './manifest.ts';
import { HashedSource } from './request.ts';

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
  /** The file, for messages. */
  readonly where: string;
  readonly progress?: Progress;
}

/**
 * Reads a client's evaluation keys and encodes the bootstrap's matrices.
 * Throws FileError for keys of another program, WireError for damaged ones, KeyError for more than the program lists.
 */
export async function loadKeys(
  context: Context,
  manifest: ProgramManifest,
  source: AsyncIterable<Uint8Array>,
  { where, progress }: LoadKeysOptions,
): Promise<LoadedKeys> {
  const reader = new EnvelopeReader(source, where);
  const held: Disposable[] = [];
  const release = () => {
    for (const one of held.reverse()) one[Symbol.dispose]();
  };
  try {
    const { key, lengths } = await reader.header({ kind: 'evaluationKeys', program: manifest.digest });
    const { bootstraps, keyBytes } = manifest.keys;
    const options = { maxBytes: keyBytes, progress: (done: number, total: number) => progress?.('keys', done, total) };
    const object = reader.object(lengths[0] ?? 0);
    const plan = new BootstrapPlan(context.parameters);
    if (!bootstraps) {
      const keys = await evaluationKeysFromWire(context, object, options);
      held.push(keys);
      await reader.end();
      return { machine: { context, plan, keys }, key, keyBytes: keys.bytes, [Symbol.dispose]: release };
    }
    const keys = await bootstrapKeysFromWire(context, object, options);
    held.push(keys);
    await reader.end();
    const bootstrapper = new Bootstrapper(context, plan, keys, progress);
    held.push(bootstrapper);
    const { evaluation } = keys;
    const loadedBytes = evaluation.bytes + keys.toSparse.bytes + keys.toDense.bytes;
    return {
      machine: { context, plan, keys: evaluation, bootstrapper },
      key,
      keyBytes: loadedBytes,
      [Symbol.dispose]: release,
    };
  } catch (error) {
    release();
    throw error;
  } finally {
    await reader.close();
  }
}

/** An encrypted input as a server reads it. */
export interface ReceivedRequest {
  /** A ciphertext for each input of the program; dispose of them after the run. */
  readonly inputs: readonly Ciphertext[];
  /** SHA-256 of its bytes, in hexadecimal: the result says that it answers this request. */
  readonly request: string;
}

/** The ciphertexts of an input. Throws FileError for one of another program or key, WireError for damaged data. */
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
    const { lengths } = await reader.header({ kind: 'inputs', program: manifest.digest, key });
    for (const length of lengths.slice(0, manifest.inputs.length))
      inputs.push(await ciphertextFromWire(context, reader.object(length)));
    await reader.end();
    return { inputs, request: file.hash! };
  } catch (error) {
    for (const input of inputs) input[Symbol.dispose]();
    throw error;
  } finally {
    await reader.close();
  }
}

/**
 * The file of a result, bound to program, key and request. The levels a client does not need are dropped.
 * @param request SHA-256 of the request: `ReceivedRequest.request`
 */
export function outputsFile(
  manifest: ProgramManifest,
  key: string,
  request: string,
  outputs: readonly Ciphertext[],
): Promise<WireObject> {
  const objects = outputs.map((output, i) => ciphertextToWire(output.dropTo(manifest.outputs[i]!.level)));
  return sealEnvelope({ kind: 'outputs', program: manifest.digest, key, request }, objects);
}
