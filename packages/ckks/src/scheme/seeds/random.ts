import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { type Kernels, Op, Slab } from '../../kernels/index.ts';
import type { Basis } from '../../ring/index.ts';
import type { Context } from '../parameters/context.ts';

/** Seeds of streams are 32 bytes: an AES-256 key. */
export const seedBytes = 32;

/**
 * Zeros for a secret, to be erased with fill(0). They lie outside V8's heap: arrays of up to 64 bytes are kept inside
 * unless they are made like this, where the garbage collector moves them and leaves the old copy behind.
 */
export function erasableBytes(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(length));
}

/** A copy of a secret, to be erased with fill(0). */
export function erasableCopy(secret: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = erasableBytes(secret.length);
  copy.set(secret);
  return copy;
}

/**
 * Fresh secret randomness from the platform's generator; everything else is expanded from it with AES-256-CTR. To be
 * erased with fill(0), and never published: see publicSeed.
 */
export function randomSeed(): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(erasableBytes(seedBytes));
}

const publicDomain = utf8ToBytes('cipherformer public seed');

/**
 * A fresh seed to be published. It is the hash of what the generator gave: outputs of one generator are neighbours, and
 * those beside a public seed are secret ones, so an output itself is never shown.
 */
export function publicSeed(): Uint8Array<ArrayBuffer> {
  const drawn = randomSeed();
  try {
    return new Uint8Array(sha256.create().update(publicDomain).update(drawn).digest());
  } finally {
    drawn.fill(0);
  }
}

/** Lends a seed's address to kernel calls, then erases the copy. */
export function withSeed<T>(kernels: Kernels, seed: Uint8Array, use: (address: number) => T): T {
  const slab = new Slab(kernels, seedBytes / 8, true);
  try {
    slab.bytesView().set(seed);
    return use(slab.address());
  } finally {
    slab.release();
  }
}

/** Lends the address of a fresh secret seed, of which nothing remains afterwards. */
export function withFreshSeed<T>(kernels: Kernels, use: (address: number) => T): T {
  const seed = randomSeed();
  try {
    return withSeed(kernels, seed, use);
  } finally {
    seed.fill(0);
  }
}

/** dst [basis][N] = the uniform polynomial of a public seed: limb of ring prime i from stream `stream` + i. */
export function expandUniform(context: Context, dst: number, seed: Uint8Array, stream: number, basis: Basis): void {
  const { kernels, ring } = context;
  withSeed(kernels, seed, (at) => kernels.call(Op.sampleUniform, ring.handle, dst, at, stream, basis));
}

/** The distributions of kernel operation sampleSmall. */
export const smallKind = { ternary: 0, sparseTernary: 1, centredBinomial: 2, gaussian: 3 } as const;

/** Standard deviation of the centred binomial error with eta = 21. */
export const errorDeviation = Math.sqrt(21 / 2);
