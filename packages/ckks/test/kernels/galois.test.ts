// A Galois element that is no odd number below 2N is refused by every operation that takes one: an even one maps the secret
// onto a few of its own coefficients, and a key made with the result gives it away.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KernelError } from '../../src/errors/index.ts';
import { Op } from '../../src/kernels/index.ts';
import { automorphism, moduliOf } from '../reference/index.ts';
import { boundaryRing, builds, onEveryBuild, polynomial, Workbench } from './support.ts';

const refused = 'a Galois element must be odd and from 1 to 2N - 1';
const q = [0, 1, 2];
const special = [3];
const all = [...q, ...special];

/** Every operation with a Galois element, as a function of it that returns what it may have written. */
function calls(w: Workbench): Record<string, (galois: number) => BigUint64Array> {
  const { ring, kernels, handle } = w;
  const source = w.put(polynomial(ring.n, moduliOf(ring, all), 'random', 1)).address();
  const key = w.put([2, 3, 4, 5].flatMap((seed) => polynomial(ring.n, moduliOf(ring, all), 'random', seed))).address();
  const dst = w.room(2 * all.length);
  const [a, b] = [dst.address(), dst.address(all.length * ring.n)];
  const digits = w.room(2 * all.length);
  kernels.call(Op.decompose, handle, digits.address(), source, q, special, [2, 1]);
  const run = (op: Op, ...args: (number | readonly number[])[]) => {
    dst.wordsView().fill(7n);
    kernels.call(op, handle, ...args);
    return dst.wordsView().slice();
  };
  const products = (op: Op) => (galois: number) =>
    run(op, a, b, digits.address(), source, galois, key, 3, 2, q, special);
  const linear = (babySteps: (galois: number) => number[]) => (galois: number) =>
    run(
      Op.linearBabySteps, digits.address(), source, source, q, special, 2, 2, ...babySteps(galois),
      1, a, b, 2, 0, source, 0, 1, source, 0,
    ); // biome-ignore format: one call, its arguments in groups
  return {
    automorphism: (galois) => run(Op.automorphism, a, source, galois, all.length),
    innerProduct: products(Op.innerProduct),
    innerProductAccumulate: products(Op.innerProductAccumulate),
    keySwitch: (galois) => run(Op.keySwitch, a, b, source, 0, 0, galois, key, 3, 0, q, special, [2, 1]),
    'keySwitch with a rescale': (galois) =>
      run(Op.keySwitch, a, b, source, source, 0, galois, key, 3, 1, q, special, [2, 1]),
    'linearBabySteps, first baby': linear((galois) => [galois, key, 3, 5, key, 3]),
    'linearBabySteps, second baby': linear((galois) => [1, 0, 0, galois, key, 3]),
  };
}

const operations = [
  'automorphism',
  'innerProduct',
  'innerProductAccumulate',
  'keySwitch',
  'keySwitch with a rescale',
  'linearBabySteps, first baby',
  'linearBabySteps, second baby',
];

/** Numbers that are no Galois elements of a ring of degree n. */
const wrong = (n: number) =>
  fc.oneof(
    fc.integer({ min: -n, max: n }).map((x) => 2 * x),
    fc.integer({ min: n, max: 2 ** 30 }).map((x) => 2 * x + 1),
    fc.integer({ min: 1, max: 2 ** 30 }).map((x) => 1 - 2 * x),
    fc.double({ noInteger: true }),
    fc.constantFrom(2 * n + 1, 4 * n - 1, 2 ** 32 + 1, 2 ** 53 - 1, 2 ** 53, 2 ** 63, 2 ** 64 + 2 ** 12, 1e300),
    fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0),
  );

describe.each(builds)('row 1: the %s kernels', (build) => {
  it.each(operations)('%s refuses a Galois element that is none, and writes nothing', (name) => {
    for (const logN of [4, 6]) {
      using w = new Workbench(build, boundaryRing(logN));
      const call = calls(w)[name]!;
      const dst = call(1);
      fc.assert(
        fc.property(wrong(w.ring.n), (galois) => {
          let error: unknown;
          try {
            call(galois);
          } catch (e) {
            error = e;
          }
          expect(error, `${galois}`).toBeInstanceOf(KernelError);
          expect((error as Error).message, `${galois}`).toContain(refused);
        }),
        { numRuns: 100, examples: [[2], [0], [-1], [2 * w.ring.n]] },
      );
      expect(call(1)).toEqual(dst);
    }
  });

  it('a missing element is a missing number, not a bad one', () => {
    using w = new Workbench(build, boundaryRing(4));
    const at = w.room(1).address();
    expect(() => w.kernels.call(Op.automorphism, w.handle, at, at)).toThrow('the arguments do not fit');
  });
});

it('row 1: every odd element below 2N is taken, and is the automorphism', () => {
  const ring = boundaryRing(4);
  const source = polynomial(ring.n, moduliOf(ring, all), 'random', 1);
  onEveryBuild(ring, (w) => {
    const ways = calls(w);
    expect(Object.keys(ways)).toEqual(operations);
    for (let galois = 1; galois < 2 * ring.n; galois += 2) {
      const expected = automorphism(ring, source, galois).flat();
      expect([...ways.automorphism!(galois).subarray(0, expected.length)]).toEqual(expected);
      for (const name of operations) ways[name]!(galois);
    }
  });
});
