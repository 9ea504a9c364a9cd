import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Op } from '../../src/kernels/index.ts';
import {
  automorphism,
  automorphismOnCoefficients,
  forward,
  forwardByDefinition,
  inverse,
  moduliOf,
  negacyclicProduct,
  referenceRing,
  smallestPrime,
  toCoefficients,
  toValues,
} from '../reference/index.ts';
import {
  basisCase,
  boundaryPrimes,
  builds,
  expectWords,
  flatten,
  onEveryBuild,
  patterns,
  polynomial,
} from './support.ts';

describe('the reference itself', () => {
  it('computes the transform by definition', () => {
    for (const logN of [1, 4, 6]) {
      for (const p of [smallestPrime(logN), ...boundaryPrimes(Math.max(logN, 4)).slice(0, 2)]) {
        const [a] = polynomial(2 ** logN, [p], 'random', logN);
        const values = forwardByDefinition(a!, p, logN);
        expect(forward(a!, p, logN)).toEqual(values);
        expect(inverse(values, p, logN)).toEqual(a);
      }
    }
  });

  it('multiplies polynomials by multiplying values', () => {
    const p = smallestPrime(5);
    const [a, b] = [1, 2].map((seed) => polynomial(32, [p], 'random', seed)[0]!) as [bigint[], bigint[]];
    const values = forward(a, p, 5).map((x, i) => (x * forward(b, p, 5)[i]!) % p);
    expect(inverse(values, p, 5)).toEqual(negacyclicProduct(a, b, p));
  });

  it('moves values as X -> X^g moves coefficients', () => {
    const p = smallestPrime(5);
    const ring = referenceRing(5, [p]);
    const [a] = polynomial(32, [p], 'random', 3);
    for (const galois of [1, 3, 5, 25, 63]) {
      expect(automorphism(ring, [forward(a!, p, 5)], galois)[0]).toEqual(
        forward(automorphismOnCoefficients(a!, galois, p), p, 5),
      );
    }
  });
});

describe(`forward and inverse NTT equal the reference on ${builds.join(', ')}`, () => {
  it('small rings, boundary moduli, extreme residues, in place and not', () => {
    fc.assert(
      fc.property(basisCase({ logN: [4, 5, 6, 7, 8, 9], maxLimbs: 5 }), ({ ring, basis, pattern, seed }) => {
        const a = polynomial(ring.n, moduliOf(ring, basis), pattern, seed);
        const values = toValues(ring, a, basis);
        const coefficients = toCoefficients(ring, a, basis);
        onEveryBuild(ring, (w) => {
          for (const [op, expected] of [
            [Op.nttForward, values],
            [Op.nttInverse, coefficients],
          ] as const) {
            const src = w.put(a);
            const dst = w.room(basis.length);
            w.kernels.call(op, w.handle, dst.address(), src.address(), basis);
            w.expectEqual(dst, expected, 'out of place');
            w.expectEqual(src, a, 'source untouched');
            w.kernels.call(op, w.handle, src.address(), src.address(), basis);
            w.expectEqual(src, expected, 'in place');
          }
        });
      }),
      { numRuns: 60 },
    );
  });

  for (let logN = 9; logN <= 13; logN += 1) {
    it(`N = 2^${logN}`, () => {
      const [large, , , , , , , , , , , middle, , small] = boundaryPrimes(logN);
      const ring = referenceRing(logN, [large!, middle!, small!]);
      const basis = [0, 1, 2];
      for (const pattern of logN === 13 ? (['random'] as const) : patterns.slice(0, 2)) {
        const a = polynomial(ring.n, ring.primes, pattern, logN);
        const values = toValues(ring, a, basis);
        onEveryBuild(ring, (w) => {
          const slab = w.put(a);
          w.kernels.call(Op.nttForward, w.handle, slab.address(), slab.address(), basis);
          w.expectEqual(slab, values, `forward ${pattern}`);
          w.kernels.call(Op.nttInverse, w.handle, slab.address(), slab.address(), basis);
          w.expectEqual(slab, a, `inverse ${pattern}`);
        });
      }
    });
  }

  it('N = 2^16: builds agree, and a known polynomial has its known values', () => {
    const p = boundaryPrimes(16)[0]!;
    const ring = referenceRing(16, [p]);
    const maximal = new BigUint64Array(ring.n).fill(p - 1n);
    const random = flatten(polynomial(ring.n, [p], 'random', 16));
    const oneMinusX = new BigUint64Array(ring.n);
    oneMinusX.set([1n, p - 1n]);
    let first: BigUint64Array | undefined;
    onEveryBuild(ring, (w) => {
      const transform = (op: Op, words: BigUint64Array) => {
        const slab = w.putWords(words);
        w.kernels.call(op, w.handle, slab.address(), slab.address(), [0]);
        return slab;
      };
      const values = transform(Op.nttForward, random).wordsView().slice();
      expectWords(transform(Op.nttInverse, values).wordsView(), random, `${w.kernels.build} there and back`);
      first ??= values;
      expectWords(values, first, `${w.kernels.build} against ${builds[0]}`);
      // -(1 + X + ... + X^(N-1)) times 1 - X is -2, since X^N = -1: every value of the product must be -2.
      const a = transform(Op.nttForward, maximal);
      const b = transform(Op.nttForward, oneMinusX);
      w.kernels.call(Op.multiply, w.handle, a.address(), a.address(), b.address(), [0]);
      expectWords(a.wordsView(), new BigUint64Array(ring.n).fill(p - 2n), `${w.kernels.build} -2 everywhere`);
    });
  });
});
