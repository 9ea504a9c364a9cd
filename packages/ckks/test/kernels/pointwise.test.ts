import fc from 'fast-check';
import { describe, it } from 'vitest';
import { Op } from '../../src/kernels/index.ts';
import {
  add,
  automorphism,
  moduliOf,
  multiply,
  pointwise,
  referenceRing,
  scale,
  subtract,
} from '../reference/index.ts';
import { type BasisCase, basisCase, boundaryPrimes, builds, onEveryBuild, patterns, polynomial } from './support.ts';

const small = basisCase({ logN: [4, 5, 6, 7], maxLimbs: 7 });
const runs = { numRuns: 40 };

function operands({ ring, basis, pattern, seed }: BasisCase, count: number) {
  const moduli = moduliOf(ring, basis);
  // The first operand has the pattern, the others are random or maximal too: extremes meet extremes.
  return Array.from({ length: count }, (_, i) =>
    polynomial(ring.n, moduli, i === 0 || seed % 2 === 0 ? pattern : 'random', seed + i),
  );
}

describe(`pointwise operations equal the reference on ${builds.join(', ')}`, () => {
  const binary = [
    ['add', Op.add, add],
    ['subtract', Op.subtract, subtract],
    ['multiply', Op.multiply, multiply],
  ] as const;
  for (const [name, op, f] of binary) {
    it(`${name}, also with the result in either operand's place`, () => {
      fc.assert(
        fc.property(small, (c) => {
          const [a, b] = operands(c, 2) as [bigint[][], bigint[][]];
          const expected = pointwise(c.ring, c.basis, a, b, f);
          const square = pointwise(c.ring, c.basis, a, a, f);
          onEveryBuild(c.ring, (w) => {
            const dst = w.room(c.basis.length);
            w.kernels.call(op, w.handle, dst.address(), w.put(a).address(), w.put(b).address(), c.basis);
            w.expectEqual(dst, expected);
            const inA = w.put(a);
            w.kernels.call(op, w.handle, inA.address(), inA.address(), w.put(b).address(), c.basis);
            w.expectEqual(inA, expected, 'dst = a');
            const inB = w.put(b);
            w.kernels.call(op, w.handle, inB.address(), w.put(a).address(), inB.address(), c.basis);
            w.expectEqual(inB, expected, 'dst = b');
            const all = w.put(a);
            w.kernels.call(op, w.handle, all.address(), all.address(), all.address(), c.basis);
            w.expectEqual(all, square, 'dst = a = b');
          });
        }),
        runs,
      );
    });
  }

  it('negate', () => {
    fc.assert(
      fc.property(small, (c) => {
        const [a] = operands(c, 1) as [bigint[][]];
        const expected = pointwise(c.ring, c.basis, a, a, (x) => -x);
        onEveryBuild(c.ring, (w) => {
          const inPlace = w.put(a);
          w.kernels.call(Op.negate, w.handle, inPlace.address(), inPlace.address(), c.basis);
          w.expectEqual(inPlace, expected);
        });
      }),
      runs,
    );
  });

  it('multiplyAccumulate', () => {
    fc.assert(
      fc.property(small, (c) => {
        const [sum, a, b] = operands(c, 3) as [bigint[][], bigint[][], bigint[][]];
        const expected = pointwise(c.ring, c.basis, sum, pointwise(c.ring, c.basis, a, b, multiply), add);
        onEveryBuild(c.ring, (w) => {
          const dst = w.put(sum);
          w.kernels.call(
            Op.multiplyAccumulate,
            w.handle,
            dst.address(),
            w.put(a).address(),
            w.put(b).address(),
            c.basis,
          );
          w.expectEqual(dst, expected);
        });
      }),
      runs,
    );
  });

  it('scalars: multiply, multiply and accumulate, add', () => {
    fc.assert(
      fc.property(small, fc.constantFrom(...patterns), (c, scalarPattern) => {
        const [sum, a] = operands(c, 2) as [bigint[][], bigint[][]];
        const scalars = polynomial(1, moduliOf(c.ring, c.basis), scalarPattern, c.seed + 7).flat();
        const scaled = scale(c.ring, c.basis, a, scalars);
        const shifted = pointwise(
          c.ring,
          c.basis,
          a,
          a.map((limb, j) => limb.map(() => scalars[j]!)),
          add,
        );
        const numbers = scalars.map(Number);
        onEveryBuild(c.ring, (w) => {
          const dst = w.put(a);
          w.kernels.call(Op.multiplyScalar, w.handle, dst.address(), dst.address(), c.basis, numbers);
          w.expectEqual(dst, scaled, 'multiplyScalar');
          const total = w.put(sum);
          w.kernels.call(Op.multiplyScalarAccumulate, w.handle, total.address(), w.put(a).address(), c.basis, numbers);
          w.expectEqual(total, pointwise(c.ring, c.basis, sum, scaled, add), 'multiplyScalarAccumulate');
          const plus = w.put(a);
          w.kernels.call(Op.addScalar, w.handle, plus.address(), plus.address(), c.basis, numbers);
          w.expectEqual(plus, shifted, 'addScalar');
        });
      }),
      runs,
    );
  });

  it('tensor and its accumulation', () => {
    fc.assert(
      fc.property(small, (c) => {
        const [a0, a1, b0, b1] = operands(c, 4) as [bigint[][], bigint[][], bigint[][], bigint[][]];
        const times = (a: bigint[][], b: bigint[][]) => pointwise(c.ring, c.basis, a, b, multiply);
        const plus = (a: bigint[][], b: bigint[][]) => pointwise(c.ring, c.basis, a, b, add);
        const expected = [times(a0, b0), plus(times(a0, b1), times(a1, b0)), times(a1, b1)];
        onEveryBuild(c.ring, (w) => {
          const dst = expected.map(() => w.room(c.basis.length));
          const inputs = [a0, a1, b0, b1].map((a) => w.put(a).address());
          const addresses = dst.map((slab) => slab.address());
          w.kernels.call(Op.tensor, w.handle, ...addresses, ...inputs, c.basis);
          dst.forEach((slab, i) => {
            w.expectEqual(slab, expected[i]!, `d${i}`);
          });
          w.kernels.call(Op.tensorAccumulate, w.handle, ...addresses, ...inputs, c.basis);
          dst.forEach((slab, i) => {
            w.expectEqual(slab, plus(expected[i]!, expected[i]!), `twice d${i}`);
          });
        });
      }),
      runs,
    );
  });

  it('automorphism, for every kind of Galois element', () => {
    fc.assert(
      fc.property(small, fc.nat(), (c, g) => {
        const twoN = 2 * c.ring.n;
        const [a] = operands({ ...c, pattern: 'random' }, 1) as [bigint[][]];
        for (const galois of [1, 5, twoN - 1, (2 * g + 1) % twoN]) {
          const expected = automorphism(c.ring, a, galois);
          onEveryBuild(c.ring, (w) => {
            const dst = w.room(c.basis.length);
            w.kernels.call(Op.automorphism, w.handle, dst.address(), w.put(a).address(), galois, c.basis.length);
            w.expectEqual(dst, expected, `galois ${galois}`);
          });
        }
      }),
      { numRuns: 15 },
    );
  });

  it('every supported N from 2^4 to 2^13, with an odd number of limbs', () => {
    for (let logN = 4; logN <= 13; logN += 1) {
      const ring = referenceRing(logN, boundaryPrimes(logN).slice(-3));
      const basis = [0, 1, 2];
      const [a, b] = [1, 2].map((seed) => polynomial(ring.n, ring.primes, 'random', seed)) as [bigint[][], bigint[][]];
      const expected = pointwise(ring, basis, a, b, multiply);
      const moved = automorphism(ring, a, 5);
      onEveryBuild(ring, (w) => {
        const dst = w.put(a);
        w.kernels.call(Op.multiply, w.handle, dst.address(), dst.address(), w.put(b).address(), basis);
        w.expectEqual(dst, expected, `N = 2^${logN}`);
        w.kernels.call(Op.automorphism, w.handle, dst.address(), w.put(a).address(), 5, 3);
        w.expectEqual(dst, moved, `automorphism, N = 2^${logN}`);
      });
    }
  });
});
