import { describe, expect, it } from 'vitest';
import { Op, type Slab } from '../../src/kernels/index.ts';
import { boundaryRing, builds, onEveryBuild, type Workbench } from '../kernels/support.ts';
import { centred, inverse, mod } from '../reference/index.ts';
import { binomial, ternary, uniform } from './reference.ts';
import { momentDeviate, rejected } from './statistics.ts';
import { Kind, putSeed, seedBytes } from './support.ts';

const ring = boundaryRing(8);
const { n, primes, logN } = ring;
const publicSeed = seedBytes(1);
const noiseSeed = seedBytes(2);
const secretSeed = seedBytes(3);
// A level in the middle of the chain, so that limb numbers, prime numbers and offsets all differ.
const q = [2, 4, 3, 10, 7];
const special = [8, 1];
const all = [...q, ...special];
const digit = { from: 1, to: 3 };

function secrets(w: Workbench): { under: Slab; target: Slab } {
  const everyPrime = primes.map((_, i) => i);
  const seed = putSeed(w, secretSeed);
  const [under, target] = [0, 1].map((stream) => {
    const slab = w.room(primes.length);
    w.kernels.call(Op.sampleSmall, w.handle, slab.address(), seed, stream, Kind.ternary, 0, everyPrime);
    return slab;
  });
  return { under: under!, target: target! };
}

interface KeyDigit {
  readonly b: Slab;
  readonly a: Slab;
}

function generate(w: Workbench, noiseStream: number, storeA: boolean, from = digit.from, to = digit.to): KeyDigit {
  const { under, target } = secrets(w);
  const [b, a] = [w.room(all.length), w.room(all.length)];
  w.kernels.call(
    Op.generateKeyDigit,
    w.handle,
    b.address(),
    storeA ? a.address() : 0,
    under.address(),
    target.address(),
    putSeed(w, publicSeed),
    5000,
    putSeed(w, noiseSeed),
    noiseStream,
    q,
    special,
    from,
    to,
  );
  return { b, a };
}

function limbsOf(slab: Slab): bigint[][] {
  const words = slab.wordsView();
  return Array.from({ length: words.length / n }, (_, t) => [...words.subarray(t * n, (t + 1) * n)]);
}

/** Coefficients of b + a under - P target [limb in the digit], centred, in limb j. */
function noiseInLimb(w: Workbench, key: KeyDigit, j: number, from = digit.from, to = digit.to): number[] {
  const prime = all[j]!;
  const p = primes[prime]!;
  const limb = (slab: Slab, at: number) => slab.wordsView(at * n, (at + 1) * n);
  const { under, target } = secrets(w);
  const [b, a, s, t] = [limb(key.b, j), limb(key.a, j), limb(under, prime), limb(target, prime)];
  const P = special.reduce((product, i) => product * primes[i]!, 1n);
  const gadget = j >= from && j < to ? P % p : 0n;
  const values = Array.from(b, (x, i) => mod(x + a[i]! * s[i]! - gadget * t[i]!, p));
  return inverse(values, p, logN).map((x) => Number(centred(x, p)));
}

/** The same for every limb. */
function noise(w: Workbench, key: KeyDigit, from = digit.from, to = digit.to): number[][] {
  return all.map((_, j) => noiseInLimb(w, key, j, from, to));
}

describe(`one digit of a switching key on ${builds.join(', ')}`, () => {
  it('is -a under + e + P target in its digit and -a under + e elsewhere, with the e of its seed', () => {
    const e = binomial(noiseSeed, 40, n);
    const a = all.map((prime) => uniform(publicSeed, 5000 + prime, n, primes[prime]!));
    onEveryBuild(ring, (w) => {
      const key = generate(w, 40, true);
      w.expectEqual(key.a, a, 'a');
      for (const found of noise(w, key)) expect(found, w.kernels.build).toEqual(e);
    });
  });

  it('is the same when a is not stored', () => {
    onEveryBuild(ring, (w) => {
      const [stored, implied] = [generate(w, 40, true), generate(w, 40, false)];
      w.expectEqual(implied.b, limbsOf(stored.b));
      expect(implied.a.wordsView().every((word) => word === 0xdead_beef_dead_beefn)).toBe(true);
    });
  });

  it('may have an empty digit (an encryption of zero) or all limbs', () => {
    const e = binomial(noiseSeed, 41, n);
    onEveryBuild(ring, (w) => {
      for (const [from, to] of [
        [0, 0],
        [0, q.length],
      ] as const) {
        for (const found of noise(w, generate(w, 41, true, from, to), from, to)) expect(found).toEqual(e);
      }
    });
  });

  it('encrypts under a ternary secret', () => {
    onEveryBuild(ring, (w) => {
      const s = limbsOf(secrets(w).under);
      const expected = ternary(secretSeed, 0, n);
      for (const i of [0, primes.length - 1]) {
        expect(inverse(s[i]!, primes[i]!, logN).map((x) => Number(centred(x, primes[i]!)))).toEqual(expected);
      }
    });
  });

  // Independent of the binomial reference above: the noise read back from keys is neither too large nor too small.
  const digits = 200;
  const variance = 10.5;
  const fourth = 3 * variance ** 2 - variance / 2; // of the binomial distribution of 42 fair bits
  const noiseIsWrong = (e: readonly number[]) =>
    rejected(momentDeviate(e, 1, 0, variance)) || rejected(momentDeviate(e, 2, variance, fourth));

  it('carries noise of standard deviation 3.24 from both sides, independent between digits', () => {
    onEveryBuild(ring, (w) => {
      if (w.kernels.build !== builds[0]) return; // the builds agree bit for bit
      const perDigit = Array.from({ length: digits }, (_, d) =>
        noiseInLimb(w, generate(w, 100 + d, true), d % all.length),
      );
      const e = perDigit.flat();
      expect(noiseIsWrong(e)).toBe(false);
      const shifted = perDigit.slice(1).flat();
      const products = shifted.map((x, i) => x * e[i]!);
      expect(rejected(momentDeviate(products, 1, 0, variance ** 2))).toBe(false);
    });
  });

  it('bad controls: no noise, eta = 20, eta = 22 and a reused stream are rejected', () => {
    const count = digits * n;
    expect(noiseIsWrong(binomial(noiseSeed, 7, count))).toBe(false);
    expect(noiseIsWrong(new Array(count).fill(0))).toBe(true);
    expect(noiseIsWrong(binomial(noiseSeed, 7, count, 20))).toBe(true);
    expect(noiseIsWrong(binomial(noiseSeed, 7, count, 22))).toBe(true);
    const reused = binomial(noiseSeed, 7, n);
    const products = Array.from({ length: digits }, () => reused.map((x) => x * x)).flat();
    expect(rejected(momentDeviate(products, 1, 0, variance ** 2))).toBe(true);
  });
});
