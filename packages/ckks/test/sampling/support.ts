// What the sampling tests share: seeds in kernel memory and calls of the four sampling operations.
import { Op, Slab } from '../../src/kernels/index.ts';
import type { Workbench } from '../kernels/support.ts';

export const Kind = { ternary: 0, sparse: 1, binomial: 2, gaussian: 3 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** A 32-byte seed that a number determines. */
export function seedBytes(number: number): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => (number * 37 + i * i * 11 + 5) & 255);
}

export function putSeed(w: Workbench, seed: Uint8Array): number {
  const words = new BigUint64Array(4);
  new Uint8Array(words.buffer).set(seed);
  return w.putWords(words).address();
}

/** The coefficients of a small polynomial. */
export function smallCoefficients(w: Workbench, seed: Uint8Array, stream: number, kind: Kind, weight = 0): number[] {
  using slab = new Slab(w.kernels, w.ring.n);
  const address = putSeed(w, seed);
  w.kernels.call(Op.sampleSmall, w.handle, slab.address(), address, stream, kind, weight, []);
  const words = slab.wordsView();
  return Array.from(new BigInt64Array(words.buffer, words.byteOffset, words.length), Number);
}

/** Uniform limbs of the primes `basis`. */
export function uniformLimbs(w: Workbench, seed: Uint8Array, streamBase: number, basis: readonly number[]): Slab {
  const slab = w.room(basis.length);
  w.kernels.call(Op.sampleUniform, w.handle, slab.address(), putSeed(w, seed), streamBase, basis);
  return slab;
}
