// Known-answer tests of a loaded build: each operation on fixed inputs, its result reduced to a digest and compared with
// one that the plain BigInt reference computed (known-answers.ts; a test recomputes it). Runs in Node and in browsers.
import type { Kernels } from './backend.ts';
import { knownAnswers } from './known-answers.ts';
import { Op } from './operations.ts';
import { Slab } from './slab.ts';

/** N of the self-test's ring. */
export const selfTestLogN = 8;

/** Primes = 1 (mod 2^14): the three largest below 2^50, the largest below 2^40, and the smallest of all. */
export const selfTestPrimes = [1125899906826241, 1125899906629633, 1125899905744897, 1099511480321, 65537] as const;

/** Rotations by one slot, and complex conjugation. */
export const selfTestGalois = { rotation: 5, conjugation: 2 ** (selfTestLogN + 1) - 1 } as const;

/** A sequence of 64-bit words that its number determines (splitmix64). */
export function selfTestWords(sequence: number): () => bigint {
  let state = BigInt(sequence);
  return () => {
    state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
    let z = state;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return z ^ (z >> 31n);
  };
}

/** Polynomial number `sequence` over the given primes: random residues, every eighth the largest. */
export function selfTestPolynomial(sequence: number, basis: readonly number[]): bigint[][] {
  const next = selfTestWords(sequence);
  return basis.map((j) => {
    const p = BigInt(selfTestPrimes[j]!);
    return Array.from({ length: 2 ** selfTestLogN }, (_, i) => (i % 8 === 7 ? p - 1n : next() % p));
  });
}

/** The seed of the self-test's keystreams: bytes 0 to 31. */
export const selfTestSeed: Uint8Array = Uint8Array.from({ length: 32 }, (_, i) => i);

/** Slots to encode: real and imaginary parts in (-1, 1), multiples of 2^-20. */
export function selfTestSlots(): { re: number[]; im: number[] } {
  const next = selfTestWords(99);
  const part = () => Array.from({ length: 2 ** (selfTestLogN - 1) }, () => Number(next() % 2097152n) / 1048576 - 1);
  return { re: part(), im: part() };
}

/** FNV-1a of words, 64 bits, as sixteen hexadecimal digits. */
export function digest(words: Iterable<bigint>): string {
  let hash = 0xcbf29ce484222325n;
  for (const word of words) {
    hash = BigInt.asUintN(64, (hash ^ word) * 0x100000001b3n);
    hash ^= hash >> 32n; // plain FNV-1a takes bytes; folding the high half in makes words as good
  }
  return hash.toString(16).padStart(16, '0');
}

/** All primes, those of a ciphertext, and the special one of the self-test. */
export const selfTestBases = { all: [0, 1, 2, 3, 4], q: [0, 1, 3, 4], special: [2], digits: [2, 2] } as const;

interface Bench {
  put(sequence: number, basis: readonly number[]): number;
  room(limbs: number): Slab;
  call(operation: Op, ...args: readonly (number | readonly number[])[]): void;
}

type Case = (b: Bench) => Slab | readonly Slab[];

const { all, q, special, digits } = selfTestBases;

/** A case with one result of as many limbs as `basis`, from polynomials 1, 2, ... over it. */
function simple(operation: Op, operands: number, ...rest: readonly (number | readonly number[])[]): Case {
  return (b) => {
    const dst = b.room(all.length);
    const sources = Array.from({ length: operands }, (_, i) => b.put(i + 1, all));
    b.call(operation, dst.address(), ...sources, ...rest);
    return dst;
  };
}

function keySwitchArguments(b: Bench): { dst: Slab[]; key: number; src: number } {
  const limbs = q.length + special.length;
  const key = b.room(digits.length * 2 * limbs);
  const words = digits.flatMap((_, d) =>
    [0, 1].flatMap((half) => selfTestPolynomial(20 + 2 * d + half, [...q, ...special])),
  );
  key.wordsView().set(words.flat());
  return { dst: [b.room(q.length), b.room(q.length)], key: key.address(), src: b.put(1, q) };
}

const scalars = [3, 1125899906629632, 5, 7, 65536] as const;
export const selfTestScalars: readonly number[] = scalars;

/** The cases by name. */
const cases: Readonly<Record<string, Case>> = {
  'ntt.forward': simple(Op.nttForward, 1, all),
  'ntt.inverse': simple(Op.nttInverse, 1, all),
  'pointwise.add': simple(Op.add, 2, all),
  'pointwise.subtract': simple(Op.subtract, 2, all),
  'pointwise.negate': simple(Op.negate, 1, all),
  'pointwise.multiply': simple(Op.multiply, 2, all),
  'scalar.multiply': simple(Op.multiplyScalar, 1, all, scalars),
  'scalar.add': simple(Op.addScalar, 1, all, scalars),
  'automorphism.rotation': simple(Op.automorphism, 1, selfTestGalois.rotation, all.length),
  'automorphism.conjugation': simple(Op.automorphism, 1, selfTestGalois.conjugation, all.length),
  tensor: (b) => {
    const dst = [b.room(all.length), b.room(all.length), b.room(all.length)];
    const addresses = dst.map((slab) => slab.address());
    b.call(Op.tensor, ...addresses, b.put(1, all), b.put(2, all), b.put(3, all), b.put(4, all), all);
    return dst;
  },
  rescale: (b) => {
    const dst = b.room(q.length - 1);
    b.call(Op.divide, q.slice(0, -1), q.slice(-1), 1, dst.address(), b.put(1, q));
    return dst;
  },
  modDown: (b) => {
    const dst = b.room(2);
    b.call(Op.divide, [0, 3], [1, 2, 4], 1, dst.address(), b.put(1, [0, 3, 1, 2, 4]));
    return dst;
  },
  modUp: (b) => {
    const dst = b.room(digits.length * all.length);
    b.call(Op.decompose, dst.address(), b.put(1, q), q, special, digits);
    return dst;
  },
  raise: (b) => {
    const dst = b.room(all.length);
    b.call(Op.raise, dst.address(), b.put(1, [3]), 3, all);
    return dst;
  },
  keySwitch: (b) => {
    const { dst, key, src } = keySwitchArguments(b);
    const addresses = dst.map((slab) => slab.address());
    b.call(
      Op.keySwitch,
      ...addresses,
      src,
      b.put(2, q),
      0,
      selfTestGalois.rotation,
      key,
      q.length,
      0,
      q,
      special,
      digits,
    );
    return dst;
  },
  keystream: (b) => {
    const dst = b.room(1);
    const seed = b.room(1);
    seed.bytesView().set(selfTestSeed);
    b.call(Op.keystream, dst.address(), dst.words, seed.address(), 7);
    return dst;
  },
  'sample.uniform': (b) => {
    const dst = b.room(all.length);
    const seed = b.room(1);
    seed.bytesView().set(selfTestSeed);
    b.call(Op.sampleUniform, dst.address(), seed.address(), 100, all);
    return dst;
  },
  encode: (b) => {
    const dst = b.room(all.length);
    const slots = b.room(1);
    const { re, im } = selfTestSlots();
    const half = dst.words / all.length / 2;
    slots.realsView().set([...re, ...im]);
    b.call(Op.encode, dst.address(), slots.address(), slots.address(half), half, 2 ** 30, all);
    return dst;
  },
};

export const selfTestNames: readonly string[] = Object.keys(cases);

export interface SelfTestResult {
  readonly name: string;
  readonly passed: boolean;
  /** What went wrong. */
  readonly detail?: string;
}

function runCase(kernels: Kernels, ring: number, run: Case): string {
  const slabs: Slab[] = [];
  const n = 2 ** selfTestLogN;
  const bench: Bench = {
    room(limbs) {
      const slab = new Slab(kernels, limbs * n);
      slabs.push(slab);
      return slab;
    },
    put(sequence, basis) {
      const slab = bench.room(basis.length);
      slab.wordsView().set(selfTestPolynomial(sequence, basis).flat());
      return slab.address();
    },
    call(operation, ...args) {
      // The keystream is the one operation without a ring.
      if (operation === Op.keystream) kernels.call(operation, ...args);
      else kernels.call(operation, ring, ...args);
    },
  };
  try {
    const results = run(bench);
    const list = results instanceof Slab ? [results] : results;
    return digest(list.flatMap((slab) => [...slab.wordsView()]));
  } finally {
    for (const slab of slabs) slab.release();
  }
}

/** Runs every known-answer test on one loaded build. A build that cannot run a case fails it, with the reason. */
export function selfTest(kernels: Kernels): SelfTestResult[] {
  const ring = kernels.call(Op.ringCreate, selfTestLogN, selfTestPrimes);
  try {
    return Object.entries(cases).map(([name, run]): SelfTestResult => {
      const expected = knownAnswers[name];
      try {
        const actual = runCase(kernels, ring, run);
        if (actual === expected) return { name, passed: true };
        return { name, passed: false, detail: `the result's digest is ${actual}, expected ${expected}` };
      } catch (error) {
        return { name, passed: false, detail: error instanceof Error ? error.message : String(error) };
      }
    });
  } finally {
    kernels.call(Op.ringDestroy, ring);
  }
}
