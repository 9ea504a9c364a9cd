import { describe, expect, it } from 'vitest';
import { KernelError } from '../../src/errors/index.ts';
import { Op, Slab } from '../../src/kernels/index.ts';
import { boundaryRing, builds, onEveryBuild } from '../kernels/support.ts';
import { forward, mod } from '../reference/index.ts';
import { binomial, gaussian, sparseTernary, ternary, uniform } from './reference.ts';
import { Kind, putSeed, seedBytes, smallCoefficients, uniformLimbs } from './support.ts';

const ring = boundaryRing(9);
const tiny = boundaryRing(5);
const everyPrime = ring.primes.map((_, i) => i);

describe(`samplers equal a second implementation on ${builds.join(', ')}`, () => {
  it('uniform residues, for primes just above and just below a power of two', () => {
    const seed = seedBytes(1);
    for (const r of [tiny, ring]) {
      const limbs = r.primes.map((p, i) => uniform(seed, 1000 + i, r.n, p));
      onEveryBuild(r, (w) => {
        const all = r.primes.map((_, i) => i);
        w.expectEqual(uniformLimbs(w, seed, 1000, all), limbs);
        // A prime's limb does not depend on which others are asked for, nor on their order.
        const some = [3, 0, r.primes.length - 1];
        w.expectEqual(
          uniformLimbs(w, seed, 1000, some),
          some.map((i) => limbs[i]!),
          'some limbs',
        );
      });
    }
  });

  it('uniform residues do not touch the memory behind the last limb', () => {
    onEveryBuild(ring, (w) => {
      const slab = w.room(2);
      w.kernels.call(Op.sampleUniform, w.handle, slab.address(), putSeed(w, seedBytes(2)), 7, [ring.primes.length - 1]);
      expect(slab.wordsView(ring.n).every((word) => word === 0xdead_beef_dead_beefn)).toBe(true);
    });
  });

  const kinds: [
    name: string,
    kind: Kind,
    weight: number,
    make: (seed: Uint8Array, stream: number, n: number) => number[],
  ][] = [
    ['dense ternary', Kind.ternary, 0, ternary],
    ['sparse ternary, weight 1', Kind.sparse, 1, (seed, stream, n) => sparseTernary(seed, stream, n, 1)],
    ['sparse ternary, weight N / 8', Kind.sparse, 64, (seed, stream, n) => sparseTernary(seed, stream, n, 64)],
    ['sparse ternary, weight N', Kind.sparse, 512, (seed, stream, n) => sparseTernary(seed, stream, n, 512)],
    ['centred binomial', Kind.binomial, 0, binomial],
  ];
  for (const [name, kind, weight, make] of kinds) {
    it(`${name}: coefficients, and values modulo every prime`, () => {
      const seed = seedBytes(kind + 10);
      const stream = 77 + kind;
      const expected = make(seed, stream, ring.n);
      const values = ring.primes.map((p) =>
        forward(
          expected.map((x) => mod(BigInt(x), p)),
          p,
          ring.logN,
        ),
      );
      onEveryBuild(ring, (w) => {
        expect(smallCoefficients(w, seed, stream, kind, weight), w.kernels.build).toEqual(expected);
        const dst = w.room(ring.primes.length);
        w.kernels.call(Op.sampleSmall, w.handle, dst.address(), putSeed(w, seed), stream, kind, weight, everyPrime);
        w.expectEqual(dst, values);
      });
    });
  }

  it('wide Gaussian: the same bits in every build, within rounding of the platform libm', () => {
    for (const milli of [0, 1678, 2999, 3000, 8250, 20_000, 31_459, 40_000]) {
      const seed = seedBytes(milli);
      const near = gaussian(seed, 3, ring.n, milli);
      let first: number[] | undefined;
      onEveryBuild(ring, (w) => {
        const x = smallCoefficients(w, seed, 3, Kind.gaussian, milli);
        first ??= x;
        expect(x, w.kernels.build).toEqual(first);
      });
      const off = first!.map((x, i) => Math.abs(x - near[i]!));
      expect(Math.max(...off)).toBeLessThanOrEqual(1);
      // One unit off only where an error of 2^-46 or so straddles a boundary.
      expect(off.filter((x) => x > 0).length).toBeLessThanOrEqual(ring.n * 2 ** (milli / 1000 - 44) * 4);
    }
  });

  it('wide Gaussian modulo every prime, also those smaller than its values', () => {
    const seed = seedBytes(5);
    const milli = 40_000;
    onEveryBuild(ring, (w) => {
      const x = smallCoefficients(w, seed, 9, Kind.gaussian, milli);
      const dst = w.room(ring.primes.length);
      w.kernels.call(Op.sampleSmall, w.handle, dst.address(), putSeed(w, seed), 9, Kind.gaussian, milli, everyPrime);
      w.expectEqual(
        dst,
        ring.primes.map((p) =>
          forward(
            x.map((c) => mod(BigInt(c), p)),
            p,
            ring.logN,
          ),
        ),
      );
    });
  });
});

describe(`what sampling leaves behind and refuses on ${builds.join(', ')}`, () => {
  it('erases the coefficients of a secret', () => {
    onEveryBuild(ring, (w) => {
      const seed = putSeed(w, seedBytes(3));
      const dst = w.room(1);
      for (const [kind, weight] of [
        [Kind.ternary, 0],
        [Kind.sparse, 64],
        [Kind.binomial, 0],
        [Kind.gaussian, 30_000],
      ] as const) {
        w.kernels.call(Op.sampleSmall, w.handle, dst.address(), seed, 1, kind, weight, [0]);
        // The memory released last is given out first.
        using reused = new Slab(w.kernels, ring.n);
        expect(
          reused.wordsView().every((word) => word === 0n),
          w.kernels.build,
        ).toBe(true);
      }
    });
  });

  it('refuses unknown kinds, impossible weights, foreign primes and impossible digits', () => {
    onEveryBuild(ring, (w) => {
      const seed = putSeed(w, seedBytes(3));
      const dst = w.room(4).address();
      const small = (kind: number, weight: number, basis: number[]) => () =>
        w.kernels.call(Op.sampleSmall, w.handle, dst, seed, 1, kind, weight, basis);
      expect(small(4, 0, [0])).toThrow(KernelError);
      expect(small(-1, 0, [0])).toThrow(KernelError);
      expect(small(Kind.sparse, 0, [0])).toThrow(KernelError);
      expect(small(Kind.sparse, ring.n + 1, [0])).toThrow(KernelError);
      expect(small(Kind.gaussian, 40_001, [0])).toThrow(KernelError);
      expect(small(Kind.ternary, 0, [ring.primes.length])).toThrow(KernelError);
      expect(() => w.kernels.call(Op.sampleUniform, w.handle, dst, seed, 1, [-1])).toThrow(KernelError);
      const digit = (from: number, to: number) => () =>
        w.kernels.call(Op.generateKeyDigit, w.handle, dst, 0, dst, dst, seed, 1, seed, 1, [0, 1], [2], from, to);
      expect(digit(0, 3)).toThrow(KernelError);
      expect(digit(2, 1)).toThrow(KernelError);
    });
  });
});
