import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Op } from '../../src/kernels/index.ts';
import {
  centred,
  decompose,
  digitIntegers,
  digitRanges,
  divide,
  divideExactly,
  exactIntegers,
  mod,
  moduliOf,
  type Poly,
  product,
  type ReferenceRing,
  raise,
  referenceRing,
  toCoefficients,
} from '../reference/index.ts';
import {
  type BasisCase,
  basisCase,
  boundaryPrimes,
  boundaryRing,
  builds,
  onEveryBuild,
  polynomial,
} from './support.ts';

const ring5 = basisCase({ logN: [5, 6], minLimbs: 2, maxLimbs: 9 });

/** The last `dropped` primes of the basis, at least one and at least one kept. */
function divided(c: BasisCase, choice: number): { keep: number[]; drop: number[]; a: bigint[][] } {
  const dropped = 1 + (choice % (c.basis.length - 1));
  const keep = c.basis.slice(0, -dropped);
  return {
    keep,
    drop: c.basis.slice(-dropped),
    a: polynomial(c.ring.n, moduliOf(c.ring, c.basis), c.pattern, c.seed),
  };
}

/** A partition of `limbs` into runs, from a seed. */
export function digitSizes(limbs: number, choice: number): number[] {
  const sizes: number[] = [];
  for (let left = limbs, x = choice + 1; left > 0; x = (x * 48271) % 2147483647) {
    sizes.push(Math.min(left, 1 + (x % 4)));
    left -= sizes.at(-1)!;
  }
  return sizes;
}

describe(`basis changes equal the reference on ${builds.join(', ')}`, () => {
  it('divide: rescale and ModDown, several polynomials, in place and not', () => {
    fc.assert(
      fc.property(ring5, fc.nat(100), (c, choice) => {
        const { keep, drop, a } = divided(c, choice);
        const b = polynomial(c.ring.n, moduliOf(c.ring, c.basis), 'random', c.seed + 1);
        const expected = [a, b].map((x) => divide(c.ring, x, keep, drop)) as Poly[] as [Poly, Poly];
        onEveryBuild(c.ring, (w) => {
          const src = [w.put(a), w.put(b)] as const;
          const dst = w.room(keep.length);
          const pairs = [dst.address(), src[0].address(), src[1].address(), src[1].address()];
          w.kernels.call(Op.divide, w.handle, keep, drop, 2, ...pairs);
          w.expectEqual(dst, expected[0], 'out of place');
          w.expectEqual(src[0], a, 'source untouched');
          w.expectEqual(src[1], expected[1], 'in place');
        });
      }),
      { numRuns: 40 },
    );
  });

  it('decompose: digits of every shape, their own limbs copied', () => {
    fc.assert(
      fc.property(ring5, fc.nat(1000), (c, choice) => {
        const special = c.basis.slice(-1);
        const q = c.basis.slice(0, -1);
        const sizes = digitSizes(q.length, choice);
        const a = polynomial(c.ring.n, moduliOf(c.ring, q), c.pattern, c.seed);
        const expected = decompose(c.ring, a, q, special, sizes).flat();
        onEveryBuild(c.ring, (w) => {
          const dst = w.room(expected.length);
          w.kernels.call(Op.decompose, w.handle, dst.address(), w.put(a).address(), q, special, sizes);
          w.expectEqual(dst, expected, `digits of ${sizes.join(', ')}`);
        });
      }),
      { numRuns: 40 },
    );
  });

  it('raise: the centred lift, from any prime to any others', () => {
    fc.assert(
      fc.property(ring5, (c) => {
        const from = c.basis[0]!;
        const a = polynomial(c.ring.n, [c.ring.primes[from]!], c.pattern, c.seed);
        const expected = raise(c.ring, a, from, c.basis);
        onEveryBuild(c.ring, (w) => {
          const dst = w.room(c.basis.length);
          w.kernels.call(Op.raise, w.handle, dst.address(), w.put(a).address(), from, c.basis);
          w.expectEqual(dst, expected);
        });
      }),
      { numRuns: 40 },
    );
  });

  it('N = 2^12', () => {
    const ring = referenceRing(12, boundaryPrimes(12).slice(0, 5));
    const a = polynomial(ring.n, ring.primes, 'random', 12);
    const expected = divide(ring, a, [0, 1, 2], [3, 4]);
    const digits = decompose(ring, a.slice(0, 3), [0, 1, 2], [3], [2, 1]).flat();
    onEveryBuild(ring, (w) => {
      const dst = w.room(3);
      w.kernels.call(Op.divide, w.handle, [0, 1, 2], [3, 4], 1, dst.address(), w.put(a).address());
      w.expectEqual(dst, expected, 'divide');
      const extended = w.room(digits.length);
      w.kernels.call(Op.decompose, w.handle, extended.address(), w.put(a).address(), [0, 1, 2], [3], [2, 1]);
      w.expectEqual(extended, digits, 'decompose');
    });
  });
});

/** Coefficients of a polynomial over `basis` that are the given integers, as values. */
function half(ring: ReferenceRing, basis: readonly number[], offset: bigint): bigint {
  return product(moduliOf(ring, basis)) / 2n + offset;
}

describe('the kernels’ variants of the arithmetic stay near the exact one', () => {
  it('division is the exact rounding, but for an error of one where the fraction is within 2^-40 of a half', () => {
    let nearTies = 0;
    fc.assert(
      fc.property(ring5, fc.nat(100), (c, choice) => {
        const { keep, drop, a } = divided(c, choice);
        const exact = divideExactly(c.ring, a, keep, drop);
        const actual = toCoefficients(c.ring, divide(c.ring, a, keep, drop), keep);
        const droppedModuli = moduliOf(c.ring, drop);
        const remainders = exactIntegers(toCoefficients(c.ring, a.slice(keep.length), drop), droppedModuli);
        const whole = product(droppedModuli);
        keep.forEach((k, t) => {
          const p = c.ring.primes[k]!;
          exact[t]!.forEach((x, i) => {
            const difference = centred(actual[t]![i]! - x, p);
            if (difference === 0n) return;
            nearTies += 1;
            const distance = half(c.ring, drop, 0n) - (remainders[i]! < 0n ? -remainders[i]! : remainders[i]!);
            // A modulus as small as 97 has no room for more than residues: one is still one.
            expect(difference === 1n || difference === -1n).toBe(true);
            expect(distance << 40n <= whole).toBe(true);
          });
        });
      }),
      { numRuns: 60 },
    );
    expect(nearTies).toBeLessThan(60 * 64);
  });

  it('a digit’s representative is congruent to the digit and within (k + 1)/2 of its modulus', () => {
    fc.assert(
      fc.property(ring5, fc.nat(1000), (c, choice) => {
        const q = c.basis;
        const a = polynomial(c.ring.n, moduliOf(c.ring, q), c.pattern, c.seed);
        for (const { from, to } of digitRanges(digitSizes(q.length, choice))) {
          const moduli = moduliOf(c.ring, q.slice(from, to));
          const whole = product(moduli);
          const coefficients = toCoefficients(c.ring, a.slice(from, to), q.slice(from, to));
          digitIntegers(c.ring, a, q, from, to).forEach((x, i) => {
            moduli.forEach((m, j) => {
              expect(mod(x, m)).toBe(coefficients[j]![i]);
            });
            expect(2n * (x < 0n ? -x : x) <= BigInt(moduli.length + 1) * whole).toBe(true);
          });
        }
      }),
      { numRuns: 40 },
    );
  });

  it('rounds to nearest: the mean of many remainders is not biased', () => {
    const ring = boundaryRing(10);
    const keep = [0];
    const drop = [1, 2];
    const a = polynomial(ring.n, moduliOf(ring, [...keep, ...drop]), 'random', 5);
    const whole = product(moduliOf(ring, drop));
    const p = ring.primes[0]!;
    const [quotient] = toCoefficients(ring, divide(ring, a, keep, drop), keep);
    const [original] = toCoefficients(ring, a.slice(0, 1), keep);
    // a - F q modulo p is the centred remainder modulo p; take it from the dropped limbs instead, where it is exact.
    const remainders = exactIntegers(toCoefficients(ring, a.slice(1), drop), moduliOf(ring, drop));
    remainders.forEach((r, i) => {
      expect(mod(quotient![i]! * whole + r, p)).toBe(original![i]);
    });
    const mean = remainders.reduce((sum, r) => sum + Number(r) / Number(whole), 0) / ring.n;
    // Uniform on [-1/2, 1/2): standard deviation of the mean 1 / sqrt(12 N) = 0.009; a floor would give 0.5.
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(12 * ring.n));
  });
});
