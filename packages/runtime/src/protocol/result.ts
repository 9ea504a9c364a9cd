import { type Ciphertext, type Context, ciphertextFromWire, sameScale, WireError } from '@cipherformer/ckks';
import { FileError, MismatchError, ResultError } from '../errors.ts';
import { EnvelopeReader } from './envelope.ts';
import type { ProgramManifest } from './manifest.ts';

// What a result has to be before the secret key touches it. A client's reaction to a decrypted value tells the server
// something of the key (docs/threat-model.md), so all that no honest run makes is refused by public facts alone.

/** What a result has to belong to. */
export interface ResultBinding {
  /** Names the secret key. */
  readonly key: string;
  /** SHA-256 of the request, in hexadecimal. */
  readonly request: string;
}

/**
 * The ciphertext of each output, in the manifest's order: complete, and each of the level, scale, slots and size that the
 * program gives. Needs no secret key. Cost: a pass over the bytes.
 * @throws ResultError
 */
export async function readResult(
  context: Context,
  manifest: ProgramManifest,
  { key, request }: ResultBinding,
  source: AsyncIterable<Uint8Array>,
  where: string,
): Promise<Ciphertext[]> {
  const reader = new EnvelopeReader(source, where);
  const outputs: Ciphertext[] = [];
  try {
    const header = await reader.header({ kind: 'outputs', program: manifest.digest, key });
    if (header.request !== request)
      throw new ResultError(
        'mismatched',
        `${where} answers the request ${header.request.slice(0, 12)}, not ${request.slice(0, 12)}: give the encrypted input ` +
          'it was computed from; if you did, the server swapped or replayed a result',
      );
    const { length: wanted } = manifest.outputs;
    const { length: found } = header.lengths;
    if (found !== wanted) throw dishonest(where, `holds ${found} ciphertexts, the program gives ${wanted}`);
    for (const [i, length] of header.lengths.entries()) {
      const ciphertext = await ciphertextFromWire(context, reader.object(length));
      outputs.push(ciphertext);
      const wrong = wrongShape(ciphertext, manifest.outputs[i]!, manifest.slots);
      if (wrong) throw dishonest(where, `has output ${i + 1} with ${wrong}`);
    }
    await reader.end();
    return outputs;
  } catch (error) {
    for (const output of outputs) output[Symbol.dispose]();
    throw asResultError(error);
  } finally {
    await reader.close();
  }
}

/** What no run of the program gives an output, in words. */
function wrongShape(
  ciphertext: Ciphertext,
  { level, scale }: ProgramManifest['outputs'][number],
  slots: number,
): string | undefined {
  if (ciphertext.size !== 2) return `${ciphertext.size} polynomials, not 2`;
  if (ciphertext.level !== level) return `level ${ciphertext.level}, not ${level}`;
  if (ciphertext.slots !== slots) return `${ciphertext.slots} slots, not ${slots}`;
  if (!sameScale(ciphertext.scale, scale)) return `scale ${ciphertext.scale}, not ${scale}`;
  const limb = transparentLimb(ciphertext);
  return limb === undefined
    ? undefined
    : `a second polynomial that is zero modulo prime ${limb + 1}: it was written without any key`;
}

/**
 * The first prime modulo which the second polynomial is zero: there the ciphertext is its own plaintext, which needs neither
 * key nor model to make. One by chance is one of 2^(N log q).
 */
function transparentLimb(ciphertext: Ciphertext): number | undefined {
  const { kernels, ring } = ciphertext.context;
  const limbBytes = 8 * ring.n;
  for (let limb = 0; limb <= ciphertext.level; limb++) {
    const bytes = kernels.view(ciphertext.part(1) + limb * limbBytes, limbBytes);
    // In NTT form too, zero is zero.
    if (new BigUint64Array(bytes.buffer, bytes.byteOffset, ring.n).every((residue) => residue === 0n)) return limb;
  }
  return undefined;
}

function dishonest(where: string, what: string): ResultError {
  return new ResultError('dishonest', `${where} ${what}: no server that runs the program makes this; do not trust it`);
}

function asResultError(error: unknown): unknown {
  if (error instanceof ResultError) return error;
  if (error instanceof MismatchError) return new ResultError('mismatched', error.message, { cause: error });
  if (error instanceof FileError || error instanceof WireError)
    return new ResultError('damaged', error.message, { cause: error });
  return error;
}
