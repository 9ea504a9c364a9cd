// What the kernel tests share: every build this machine can load, polynomials in slabs, and cases at the boundaries.
import { setFlagsFromString } from 'node:v8';
import fc from 'fast-check';
import { expect } from 'vitest';
import { type BuildName, type Kernels, listBuilds, loadKernels, Op, Slab } from '../../src/kernels/index.ts';
import { type Poly, primesBelow, type ReferenceRing, referenceRing, smallestPrime } from '../reference/index.ts';

// Node 20 keeps relaxed SIMD behind a flag, newer versions have it: the tests want that build too.
if (process.versions.v8.startsWith('11.')) setFlagsFromString('--experimental-wasm-relaxed-simd');

/** Every build that this machine can load; CIPHERFORMER_TEST_BUILDS=ifma,wasm narrows the list while hunting a fault. */
const only = process.env.CIPHERFORMER_TEST_BUILDS?.split(',');
export const builds: readonly BuildName[] = (await listBuilds())
  .filter(({ name, usable }) => usable && (only?.includes(name) ?? true))
  .map(({ name }) => name);
if (builds.length === 0) throw new Error('no kernel build can be loaded here: these tests would pass without a check');

const loaded = new Map<BuildName, Kernels>(
  await Promise.all(
    builds.map(async (build): Promise<[BuildName, Kernels]> => [build, await loadKernels({ build, threads: 1 })]),
  ),
);

export function kernelsOf(build: BuildName): Kernels {
  return loaded.get(build)!;
}

export function flatten(a: Poly): BigUint64Array {
  return BigUint64Array.from(a.flat());
}

/** A ring on one build, with polynomials put into slabs and read back; dispose to release all of it. */
export class Workbench implements Disposable {
  readonly kernels: Kernels;
  readonly ring: ReferenceRing;
  readonly handle: number;
  readonly #slabs: Slab[] = [];

  constructor(build: BuildName, ring: ReferenceRing) {
    this.kernels = kernelsOf(build);
    this.ring = ring;
    this.handle = this.kernels.call(Op.ringCreate, ring.logN, ring.primes.map(Number));
  }

  /** Room for `limbs` limbs, filled with a pattern so that a value never written shows. */
  room(limbs: number): Slab {
    const slab = new Slab(this.kernels, limbs * this.ring.n);
    slab.wordsView().fill(0xdead_beef_dead_beefn);
    this.#slabs.push(slab);
    return slab;
  }

  put(a: Poly): Slab {
    const slab = this.room(a.length);
    slab.wordsView().set(flatten(a));
    return slab;
  }

  /** `size` words of raw data. */
  putWords(words: BigUint64Array): Slab {
    const slab = new Slab(this.kernels, words.length);
    slab.wordsView().set(words);
    this.#slabs.push(slab);
    return slab;
  }

  expectEqual(slab: Slab, expected: Poly, what = ''): void {
    expectWords(slab.wordsView(0, expected.length * this.ring.n), flatten(expected), `${this.kernels.build} ${what}`);
  }

  [Symbol.dispose](): void {
    for (const slab of this.#slabs) slab.release();
    this.kernels.call(Op.ringDestroy, this.handle);
  }
}

/** Equality of two word arrays; far faster than a deep comparison, and it says where they part. */
export function expectWords(actual: BigUint64Array, expected: BigUint64Array, what: string): void {
  if (Buffer.compare(bytes(actual), bytes(expected)) === 0) return;
  expect(actual.length, `${what}: length`).toBe(expected.length);
  const at = expected.findIndex((word, i) => word !== actual[i]);
  expect.fail(`${what}: word ${at} of ${expected.length} is ${actual[at]}, expected ${expected[at]}`);
}

function bytes(words: BigUint64Array): Buffer {
  return Buffer.from(words.buffer, words.byteOffset, words.byteLength);
}

/** Runs a check on every loadable build. */
export function onEveryBuild(ring: ReferenceRing, check: (bench: Workbench) => void): void {
  for (const build of builds) {
    using bench = new Workbench(build, ring);
    check(bench);
  }
}

/** Pseudorandom words (splitmix64) that a seed determines: fast enough for large polynomials. */
export function randomWords(seed: number): () => bigint {
  let state = BigInt(seed);
  return () => {
    state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
    let z = state;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return z ^ (z >> 31n);
  };
}

export const patterns = ['random', 'maximal', 'zero', 'alternating', 'single'] as const;
export type Pattern = (typeof patterns)[number];

/** Residues for each modulus: uniform, or the extremes that break lazy reductions. */
export function polynomial(n: number, moduli: readonly bigint[], pattern: Pattern, seed: number): bigint[][] {
  const next = randomWords(seed);
  return moduli.map((p) =>
    Array.from({ length: n }, (_, i) => {
      if (pattern === 'random') return next() % p;
      if (pattern === 'maximal') return p - 1n;
      if (pattern === 'alternating') return i % 2 === 0 ? p - 1n : 0n;
      if (pattern === 'single') return i === seed % n ? p - 1n : 0n;
      return 0n;
    }),
  );
}

/** Primes of every size the kernels promise: the largest below 2^50, of 40 bits, and the smallest there are. */
export function boundaryPrimes(logN: number): bigint[] {
  const small = smallestPrime(logN);
  return [
    ...primesBelow(2n ** 50n, logN, 9),
    ...primesBelow(2n ** 41n, logN, 2),
    ...primesBelow(2n ** 40n, logN, 2),
    small,
  ];
}

const rings = new Map<number, ReferenceRing>();

/** One ring of boundary primes for each N. */
export function boundaryRing(logN: number): ReferenceRing {
  let ring = rings.get(logN);
  if (!ring) {
    ring = referenceRing(logN, boundaryPrimes(logN));
    rings.set(logN, ring);
  }
  return ring;
}

/** A ring with distinct primes of it in random order. */
export interface BasisCase {
  readonly ring: ReferenceRing;
  readonly basis: readonly number[];
  readonly pattern: Pattern;
  readonly seed: number;
}

export function basisCase(options: { logN: readonly number[]; minLimbs?: number; maxLimbs: number }) {
  return fc
    .record({
      logN: fc.constantFrom(...options.logN),
      pattern: fc.constantFrom(...patterns),
      seed: fc.nat(2 ** 31 - 1),
      limbs: fc.integer({ min: options.minLimbs ?? 1, max: options.maxLimbs }),
    })
    .chain(({ logN, pattern, seed, limbs }) => {
      const ring = boundaryRing(logN);
      return fc
        .shuffledSubarray(
          ring.primes.map((_, i) => i),
          { minLength: limbs, maxLength: limbs },
        )
        .map((basis): BasisCase => ({ ring, basis, pattern, seed }));
    });
}
