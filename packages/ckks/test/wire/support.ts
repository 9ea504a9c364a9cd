// Small insecure objects of every kind, and ways to damage their bytes.
import { expect } from 'vitest';
import { CipherformerError } from '../../../base/src/errors.ts';
import {
  Context,
  Encoder,
  encryptSymmetric,
  loadKernels,
  Parameters,
  type ParametersLiteral,
  randomSeed,
  SecretKey,
  type Slab,
  type SwitchingKey,
} from '../../src/index.ts';
import { sha256 } from '../../src/wire/checksum.ts';
import { pinnedLiteral } from './pinned-parts.ts';

export const kernels = await loadKernels({ threads: 1 });

export function contextOf(literal: ParametersLiteral): Context {
  return new Context(Parameters.from(literal, { insecure: true }), kernels, { insecure: true });
}

/** N = 32: objects of a few hundred bytes, to be cut and flipped everywhere. Primes of 50, 41 (or 40) and 20 bits. */
export const tiny = contextOf({ logN: 5, chainBits: [50, 40, 20, 40], specialBits: [50, 50], scaleBits: 30 });
/** N = 2^10, with several digits. */
export const small = contextOf(pinnedLiteral);

export function secretOf(context: Context): SecretKey {
  return new SecretKey(context, randomSeed());
}

/** Residues of one limb's memory, for comparing. */
export function words(context: Context, address: number, limbs: number): Uint8Array {
  return context.kernels.view(address, 8 * limbs * context.ring.n).slice();
}

export function sameKey(a: SwitchingKey, b: SwitchingKey): void {
  expect({ level: b.level, gadget: b.gadget, galois: b.galois, seeds: b.seeds }).toEqual({
    level: a.level,
    gadget: a.gadget,
    galois: a.galois,
    seeds: a.seeds,
  });
  expect(Buffer.compare(a.slab.bytesView(), b.slab.bytesView())).toBe(0);
}

export function sameSlab(a: Slab, b: Slab): void {
  expect(Buffer.compare(a.bytesView(), b.bytesView())).toBe(0);
}

/** Encrypts a ramp: a value whose decryption is easy to check. */
export function encryptedRamp(secret: SecretKey, level?: number) {
  const { context } = secret;
  const values = Array.from({ length: context.parameters.maxSlots }, (_, i) => i / context.parameters.maxSlots - 0.5);
  using plaintext = new Encoder(context).encode(values, undefined, level === undefined ? {} : { level });
  return { ...encryptSymmetric(secret, plaintext), values };
}

/** Runs a read that must fail with one of our errors; returns it. Releases what a wrong success gave. */
export async function failure(read: Promise<unknown>): Promise<CipherformerError> {
  let value: unknown;
  try {
    value = await read;
  } catch (error) {
    if (error instanceof CipherformerError) return error;
    throw error;
  }
  return expect.fail(`damaged data were read as ${value}`);
}

/** The bytes in chunks of the given size. */
export function* chunksOf(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
}

/** Where the description and the frames of a single object are. */
export function parts(bytes: Uint8Array): {
  description: [number, number];
  frames: { from: number; length: number }[];
} {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = view.getUint32(12, true);
  const frames: { from: number; length: number }[] = [];
  for (let at = 56 + length + 32; at < bytes.length; ) {
    const payload = view.getUint32(at, true);
    frames.push({ from: at + 8, length: payload });
    at += 8 + payload + 32;
  }
  return { description: [56, 56 + length], frames };
}

/** Makes all checksums of a single object right again after a change: what a malicious writer would do. */
export async function resealed(changed: Uint8Array): Promise<Uint8Array> {
  const bytes = new Uint8Array(changed);
  const { description, frames } = parts(bytes);
  let checksum = await sha256(bytes.slice(0, description[1]));
  bytes.set(checksum, description[1]);
  for (const { from, length } of frames) {
    const covered = new Uint8Array(32 + 8 + length);
    covered.set(checksum);
    covered.set(bytes.subarray(from - 8, from + length), 32);
    checksum = await sha256(covered);
    bytes.set(checksum, from + length);
  }
  return bytes;
}
