import { type Kernels, Slab } from '../kernels/index.ts';

/** Seeds of streams are 32 bytes: an AES-256 key. */
export const seedBytes = 32;

/** Fresh randomness from the platform's generator; everything else is expanded from it with AES-256-CTR. */
export function randomSeed(): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(seedBytes));
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

/** The distributions of kernel operation sampleSmall. */
export const smallKind = { ternary: 0, sparseTernary: 1, centredBinomial: 2, gaussian: 3 } as const;

/** Standard deviation of the centred binomial error with eta = 21. */
export const errorDeviation = Math.sqrt(21 / 2);
