import fc from 'fast-check';
import { describe, it } from 'vitest';
import { type KernelArgument, Op } from '../../src/kernels/index.ts';
import {
  type BabyInput,
  decompose,
  innerProduct,
  keySwitch,
  linearBabySteps,
  moduliOf,
  type Poly,
  pointwise,
  type ReferenceDiagonal,
  type ReferenceKey,
  type ReferenceRing,
} from '../reference/index.ts';
import { basisCase, boundaryRing, builds, onEveryBuild, type Pattern, polynomial, type Workbench } from './support.ts';

const cases = basisCase({ logN: [5, 6], minLimbs: 4, maxLimbs: 10 });

interface SwitchCase {
  readonly ring: ReferenceRing;
  /** Primes of the ciphertext, a prefix of the key's. */
  readonly q: number[];
  readonly special: number[];
  readonly sizes: number[];
  readonly key: ReferenceKey;
  readonly galois: number;
}

/** Splits a random basis into q, primes of the key above the ciphertext's level, and special primes. */
function switchCase(
  { ring, basis, seed }: { ring: ReferenceRing; basis: readonly number[]; seed: number },
  shape: { special: number; above: number; digit: number; galois: number },
  keyPattern: Pattern,
): SwitchCase {
  const special = basis.slice(-shape.special);
  const rest = basis.slice(0, -shape.special);
  const above = Math.min(shape.above, rest.length - 1);
  const q = rest.slice(0, rest.length - above);
  const sizes: number[] = [];
  for (let left = q.length; left > 0; left -= sizes.at(-1)!) sizes.push(Math.min(left, shape.digit));
  const keyModuli = moduliOf(ring, [...rest, ...special]);
  const digits = sizes.map((_, d): [Poly, Poly] => [
    polynomial(ring.n, keyModuli, keyPattern, seed + 2 * d + 1),
    polynomial(ring.n, keyModuli, 'random', seed + 2 * d + 2),
  ]);
  return { ring, q, special, sizes, key: { digits, qLimbs: rest.length }, galois: 2 * shape.galois + 1 };
}

const shapes = fc.record({
  special: fc.integer({ min: 1, max: 2 }),
  above: fc.integer({ min: 0, max: 2 }),
  digit: fc.integer({ min: 1, max: 3 }),
  galois: fc.nat(31),
});
const keyPatterns = fc.constantFrom<Pattern[]>('random', 'maximal');

function putKey(w: Workbench, key: ReferenceKey): number {
  return w.put(key.digits.flatMap(([a, b]) => [...a, ...b])).address();
}

describe(`key switching equals the reference on ${builds.join(', ')}`, () => {
  it('inner product with hoisted digits, its accumulation, with and without an addend', () => {
    fc.assert(
      fc.property(cases, shapes, keyPatterns, (c, shape, keyPattern) => {
        const s = switchCase(c, shape, keyPattern);
        const all = [...s.q, ...s.special];
        const a = polynomial(s.ring.n, moduliOf(s.ring, s.q), c.pattern, c.seed);
        const addend = polynomial(s.ring.n, moduliOf(s.ring, all), c.pattern, c.seed + 50);
        const digits = decompose(s.ring, a, s.q, s.special, s.sizes);
        const plain = innerProduct(s.ring, s, digits, s.key, s.galois) as [Poly, Poly];
        const added = innerProduct(s.ring, s, digits, s.key, s.galois, addend);
        const sum = added.map((x, half) => pointwise(s.ring, all, x, plain[half]!, (u, v) => u + v)) as Poly[] as [
          Poly,
          Poly,
        ];
        onEveryBuild(s.ring, (w) => {
          const dst = [w.room(all.length), w.room(all.length)] as const;
          const call = (op: Op, extra: number) =>
            w.kernels.call(
              op,
              w.handle,
              dst[0].address(),
              dst[1].address(),
              w.put(digits.flat()).address(),
              extra,
              s.galois,
              putKey(w, s.key),
              s.key.qLimbs,
              s.sizes.length,
              s.q,
              s.special,
            );
          call(Op.innerProduct, 0);
          w.expectEqual(dst[0], plain[0], 'first half');
          w.expectEqual(dst[1], plain[1], 'second half');
          call(Op.innerProductAccumulate, w.put(addend).address());
          w.expectEqual(dst[0], sum[0], 'accumulated first half');
          w.expectEqual(dst[1], sum[1], 'accumulated second half');
        });
      }),
      { numRuns: 25 },
    );
  });

  it('a whole key switch: relinearisation, rotation, with rescale folded in', () => {
    fc.assert(
      fc.property(cases, shapes, keyPatterns, fc.boolean(), fc.nat(3), (c, shape, keyPattern, drop, addends) => {
        const s = switchCase(c, shape, keyPattern);
        const alsoDropLast = drop && s.q.length > 1;
        const moduli = moduliOf(s.ring, s.q);
        const [src, add0, add1] = [0, 1, 2].map((i) =>
          polynomial(s.ring.n, moduli, c.pattern, c.seed + 90 + i),
        ) as Poly[] as [Poly, Poly, Poly];
        const add = [addends & 1 ? add0 : undefined, addends & 2 ? add1 : undefined] as const;
        const input = { src, add, sizes: s.sizes, galois: s.galois, alsoDropLast };
        const expected = keySwitch(s.ring, s, s.key, input) as [Poly, Poly];
        onEveryBuild(s.ring, (w) => {
          const limbs = s.q.length - (alsoDropLast ? 1 : 0);
          const dst = [w.room(limbs), w.room(limbs)] as const;
          w.kernels.call(
            Op.keySwitch,
            w.handle,
            dst[0].address(),
            dst[1].address(),
            w.put(src).address(),
            add[0] ? w.put(add[0]).address() : 0,
            add[1] ? w.put(add[1]).address() : 0,
            s.galois,
            putKey(w, s.key),
            s.key.qLimbs,
            alsoDropLast ? 1 : 0,
            s.q,
            s.special,
            s.sizes,
          );
          w.expectEqual(dst[0], expected[0], 'first half');
          w.expectEqual(dst[1], expected[1], 'second half');
        });
      }),
      { numRuns: 25 },
    );
  });

  it('the inner loop of a linear transform, with full and periodic diagonals and many terms', () => {
    fc.assert(
      fc.property(cases, shapes, fc.nat(1000), fc.constantFrom(1, 3, 19), (c, shape, seed, terms) => {
        const s = switchCase(c, shape, 'random');
        const all = [...s.q, ...s.special];
        const allModuli = moduliOf(s.ring, all);
        const moduli = moduliOf(s.ring, s.q);
        const [c0, c1] = [1, 2].map((i) => polynomial(s.ring.n, moduli, c.pattern, c.seed + i)) as Poly[] as [
          Poly,
          Poly,
        ];
        const digits = decompose(s.ring, c1, s.q, s.special, s.sizes);
        const babySteps: BabyInput[] = [
          { galois: 1 },
          { galois: s.galois === 1 ? 3 : s.galois, key: s.key },
          { galois: 2 * s.ring.n - 1, key: s.key },
        ];
        const giantSteps = [0, 1].map((g) =>
          Array.from({ length: terms - g }, (_, k) => {
            // Runs of 1 (a full diagonal) or of 2^3 to 2^5 equal words, as the kernels promise for periodic ones.
            const runBits = [0, 3, 4, 5][(seed + k) % 4]!;
            const kept = polynomial(s.ring.n >> runBits, allModuli, c.pattern, seed + 7 * k + g);
            return { baby: (seed + k + g) % babySteps.length, runBits, kept };
          }),
        );
        const whole = giantSteps.map((list) =>
          list.map(
            ({ baby, runBits, kept }): ReferenceDiagonal => ({
              baby,
              values: kept.map((limb) => Array.from({ length: s.ring.n }, (_, i) => limb[i >> runBits]!)),
            }),
          ),
        );
        const expected = linearBabySteps(s.ring, s, [c0, c1], digits, babySteps, whole);
        onEveryBuild(s.ring, (w) => {
          const dst = giantSteps.map(() => [w.room(all.length), w.room(all.length)] as const);
          const args: KernelArgument[] = [w.put(digits.flat()).address(), w.put(c0).address(), w.put(c1).address()];
          args.push(s.q, s.special, s.sizes.length, babySteps.length);
          for (const { galois, key } of babySteps) args.push(galois, key ? putKey(w, key) : 0, key ? key.qLimbs : 0);
          args.push(giantSteps.length);
          giantSteps.forEach((list, g) => {
            args.push(dst[g]![0].address(), dst[g]![1].address(), list.length);
            for (const { baby, runBits, kept } of list) args.push(baby, w.put(kept).address(), runBits);
          });
          w.kernels.call(Op.linearBabySteps, w.handle, ...args);
          dst.forEach((pair, g) => {
            w.expectEqual(pair[0], expected[g]![0]!, `giant ${g}, first half`);
            w.expectEqual(pair[1], expected[g]![1]!, `giant ${g}, second half`);
          });
        });
      }),
      { numRuns: 20 },
    );
  });

  it('sums of sixteen products of the largest residues are exact, whatever their low bits', () => {
    const ring = boundaryRing(6);
    const p = ring.primes[0]!;
    // Lazily reduced sums keep high and low parts: take factors whose products have the low parts that add up worst.
    const worst = [
      { low: 2n ** 51n, most: true },
      { low: 2n ** 51n, most: false },
      { low: 2n ** 50n, most: true },
      { low: 2n ** 52n, most: true },
    ].map(({ low, most }) => {
      let best = p - 1n;
      for (let x = p - 1n; x > p - 3000n; x -= 1n) {
        const rest = (y: bigint) => {
          const r = ((p - 1n) * y) % low;
          return r < low / 2n === most ? r % (low / 2n) : 0n;
        };
        if (rest(x) > rest(best)) best = x;
      }
      return best;
    });
    for (const y of [p - 1n, ...worst]) {
      for (const count of [8, 9, 15, 16]) {
        const full = (x: bigint): Poly => [new Array<bigint>(ring.n).fill(x)];
        const digits = Array.from({ length: count }, () => full(p - 1n));
        const key: ReferenceKey = { qLimbs: 1, digits: digits.map(() => [full(y), full(p - 1n)] as const) };
        const expected = innerProduct(ring, { q: [0], special: [] }, digits, key, 1) as [Poly, Poly];
        onEveryBuild(ring, (w) => {
          const dst = [w.room(1), w.room(1)] as const;
          const from = w.put(digits.flat()).address();
          const keyAt = putKey(w, key);
          const [a, b] = dst.map((slab) => slab.address()) as [number, number];
          w.kernels.call(Op.innerProduct, w.handle, a, b, from, 0, 1, keyAt, 1, count, [0], []);
          w.expectEqual(dst[0], expected[0], `${count} products of p - 1 and ${y}`);
          w.expectEqual(dst[1], expected[1], `${count} products of p - 1 and itself`);
        });
      }
    }
  });
});
