// Matrices over the slots: the algebra of diagonals, and encrypted products with any split into baby and giant steps.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  centred,
  DiagonalMatrix,
  LinearTransform,
  type LinearTransformOptions,
  type LinearTransformPlan,
  periodOf,
} from '../../../src/circuits/index.ts';
import { KeyError, OperandError } from '../../../src/errors/index.ts';
import type { Evaluator, Slots } from '../../../src/scheme/index.ts';
import { fixRandomness, Laboratory, plus, randomSlots, worst } from '../../scheme/support.ts';

/** A matrix with random entries on these diagonals, repeating with `period` along each. */
function randomMatrix(slots: number, diagonals: readonly number[], seed: number, period = slots): DiagonalMatrix {
  return new DiagonalMatrix(
    slots,
    new Map(
      diagonals.map((d, i) => {
        const { real, imag } = randomSlots(period, seed + i);
        const repeat = (v: Float64Array) => Float64Array.from({ length: slots }, (_, k) => v[k % period]!);
        return [d, { real: repeat(real), imag: repeat(imag) }];
      }),
    ),
  );
}

function identity(slots: number): DiagonalMatrix {
  return new DiagonalMatrix(
    slots,
    new Map([[0, { real: new Float64Array(slots).fill(1), imag: new Float64Array(slots) }]]),
  );
}

describe('matrices of diagonals', () => {
  const n = 16;
  const v = randomSlots(n, 1);
  it('apply as written out', () => {
    const m = randomMatrix(n, [-3, 0, 5, 8], 2);
    const { real, imag } = m.apply(v);
    for (let i = 0; i < n; i++) {
      let [re, im] = [0, 0];
      for (const [d, diagonal] of m.diagonals) {
        const j = (i + d + n) % n;
        re += diagonal.real[i]! * v.real[j]! - diagonal.imag[i]! * v.imag[j]!;
        im += diagonal.real[i]! * v.imag[j]! + diagonal.imag[i]! * v.real[j]!;
      }
      expect(Math.hypot(real[i]! - re, imag[i]! - im)).toBeLessThan(1e-13);
    }
  });

  it('multiply: (A B) v = A (B v); associate; the identity is one; scale', () => {
    const [a, b, c] = [
      [-7, 0, 1],
      [2, 8],
      [-1, 0, 3],
    ].map((d, i) => randomMatrix(n, d, 10 * i));
    expect(worst(a!.times(b!).apply(v), a!.apply(b!.apply(v)))).toBeLessThan(1e-12);
    expect(worst(a!.times(b!).times(c!).apply(v), a!.times(b!.times(c!)).apply(v))).toBeLessThan(1e-11);
    expect(worst(identity(n).times(a!).apply(v), a!.apply(v))).toBe(0);
    expect(worst(a!.scaled(-0.5).apply(v), identity(n).scaled(-0.5).apply(a!.apply(v)))).toBeLessThan(1e-14);
  });

  it('turned before and after: as many diagonals, and the same map of rotated vectors', () => {
    const m = randomMatrix(n, [-3, 0, 5, 8], 3);
    const turn = (x: Slots, by: number): Slots => ({
      real: x.real.map((_, i) => x.real[(i + by + n) % n]!),
      imag: x.imag.map((_, i) => x.imag[(i + by + n) % n]!),
    });
    for (const [before, after] of [[0, 0], [3, 0], [0, 5], [7, 12], [15, 1]] as const) {
      const turned = m.turned(before, after);
      expect(turned.diagonals.size).toBe(m.diagonals.size);
      expect(worst(turned.apply(turn(v, before)), turn(m.apply(v), after))).toBeLessThan(1e-13);
    } // biome-ignore format: pairs
  });

  it('keep their diagonals in (-n/2, n/2]', () => {
    expect([0, 8, 9, -8, 16, -9, 23].map((d) => centred(d, 16))).toEqual([0, 8, -7, 8, 0, 7, 7]);
    expect(() => randomMatrix(n, [9], 1)).toThrow(OperandError);
    expect(() => new DiagonalMatrix(n, new Map())).toThrow(/at least one/);
    expect(() => new DiagonalMatrix(n, new Map([[0, randomSlots(8, 1)]]))).toThrow(/8 entries, not 16/);
    for (const d of [0.5, Number.NaN])
      expect(() => new DiagonalMatrix(n, new Map([[d, v]]))).toThrow(new RegExp(`diagonal ${d} is no whole number`));
    for (const slots of [0, 12, Number.NaN])
      expect(() => new DiagonalMatrix(slots, new Map([[0, v]]))).toThrow(
        /the slots of a matrix must be a power of two/,
      );
  });

  it('refuse vectors and matrices of other sizes', () => {
    expect(() => identity(n).apply(randomSlots(8, 1))).toThrow(/16 slots takes a vector of as many, not of 8/);
    expect(() => identity(n).times(identity(8))).toThrow(/16 and 8 slots/);
  });

  it('find the period of a diagonal', () => {
    for (const period of [1, 2, 8, 16])
      for (const size of [1, 1e-15, 1e9])
        expect(periodOf(randomMatrix(n, [0], 3, period).scaled(size).diagonals.get(0)!)).toBe(period);
  });
});

describe('encrypted products', () => {
  let lab: Laboratory;
  const level = 3;

  beforeAll(async () => {
    fixRandomness('linear');
    lab = await Laboratory.create();
  });
  afterAll(() => {
    lab[Symbol.dispose]();
    vi.restoreAllMocks();
  });

  /** Applies the matrix under encryption, with exactly the keys the transform's plan asks for. */
  function apply(
    matrix: DiagonalMatrix,
    v: Slots,
    options: { babySteps?: number; scale?: number; fewKeys?: boolean } = {},
    at = level,
  ) {
    using transform = new LinearTransform(lab.context, matrix, { level, ...options });
    const evaluator = evaluatorFor(transform.plan);
    using x = lab.encrypt(v, { slots: matrix.slots, level: at });
    using y = transform.apply(evaluator, x);
    evaluator.switcher.keys![Symbol.dispose]();
    return { slots: lab.decrypt(y), level: y.level, scale: y.scale, input: x.scale };
  }

  function evaluatorFor(plan: LinearTransformPlan): Evaluator {
    const one = new Laboratory(lab.context);
    for (const use of plan.galoisUses(lab.parameters.logN)) one.keys.addGalois(one.generator.galois(use));
    return one.evaluator;
  }

  // Errors: encoding rounding, key errors and rescale, times sqrt(diagonals); all below 2^-28 here.
  const close = 2 ** -24;
  const full = 2 ** 10;
  const shapes: [string, number, number[], number][] = [
    ['dense small', 16, Array.from({ length: 16 }, (_, i) => centred(i, 16)), 16],
    ['one diagonal', full, [7], full],
    ['the main diagonal', full, [0], full],
    ['no diagonal without rotation', full, [-5, 5], full],
    ['strided', full, [-256, -128, 0, 128, 256], full],
    ['periodic', full, [-3, -2, -1, 0, 1, 2, 3], 8],
    ['constant', full, [-1, 0, 1], 1],
    ['sparse slots', 64, [-16, -1, 0, 1, 16], 64],
    ['sparse and periodic', 64, [-2, 0, 2], 2],
  ];

  it.each(shapes)('%s: as in the clear, one level down, the scale unchanged', (_, slots, diagonals, period) => {
    const matrix = randomMatrix(slots, diagonals, 20, period);
    const v = randomSlots(slots, 21);
    const result = apply(matrix, v);
    expect(worst(result.slots, matrix.apply(v))).toBeLessThan(close);
    expect([result.level, result.scale]).toEqual([level - 1, result.input]);
  });

  it.each([1, 2, 4, 16, 64])('any split gives the same result: %i baby steps', (babySteps) => {
    const matrix = randomMatrix(full, [-33, -8, -1, 0, 1, 2, 9, 40], 30);
    const v = randomSlots(full, 31);
    expect(worst(apply(matrix, v, { babySteps }).slots, matrix.apply(v))).toBeLessThan(close);
  });

  it.each([
    ['31 around zero: four giant steps', Array.from({ length: 31 }, (_, i) => i - 15), 8, 7],
    ['31 from zero on: a ladder of one key', Array.from({ length: 31 }, (_, i) => i), 8, 5],
    ['31 from 8 on: a ladder that starts at its step', Array.from({ length: 31 }, (_, i) => i + 8), 8, 5],
    ['31 from 900 on: a ladder, and a rotation behind it', Array.from({ length: 31 }, (_, i) => centred(i + 900, full)), 8, 6],
    ['a ladder with a gap is none', [...Array.from({ length: 16 }, (_, i) => i), 24, 25, 32, 40], 8, 8],
    ['all the way round', Array.from({ length: 32 }, (_, i) => centred(32 * i, full)), 8, 5],
    ['too few baby steps to halve', [0, 1, 2, 3, 4, 5], 4, 4],
  ])('with few keys, %s', (_, diagonals, babySteps, keys) => {
    const matrix = randomMatrix(full, diagonals, 32);
    const v = randomSlots(full, 33);
    using transform = new LinearTransform(lab.context, matrix, { level, babySteps, fewKeys: true });
    expect(transform.plan.galoisUses(lab.parameters.logN)).toHaveLength(keys);
    expect(worst(apply(matrix, v, { babySteps, fewKeys: true }).slots, matrix.apply(v))).toBeLessThan(close);
  }); // biome-ignore format: a table

  it('is linear, and serves ciphertexts at higher levels', () => {
    const matrix = randomMatrix(full, [-2, 0, 3], 40);
    const [a, b] = [randomSlots(full, 41), randomSlots(full, 42)];
    const [ra, rb, rs] = [a, b, plus(a, b)].map((v) => apply(matrix, v, {}, 5).slots);
    expect(worst(plus(ra!, rb!), rs!)).toBeLessThan(close);
  });

  it('encodes the diagonals at another scale where asked', () => {
    const matrix = randomMatrix(full, [0, 1], 50);
    const v = randomSlots(full, 51);
    const scale = 2 ** 35;
    const result = apply(matrix, v, { scale });
    expect(result.scale).toBe((result.input * scale) / lab.parameters.primeAt(level));
    // The scale of the diagonals, 2^35, limits what comes back.
    expect(worst(result.slots, matrix.apply(v))).toBeLessThan(2 ** -20);
  });

  it('stores periodic diagonals in a fraction of the memory', () => {
    using plain = new LinearTransform(lab.context, randomMatrix(full, [0, 1], 60), { level });
    using periodic = new LinearTransform(lab.context, randomMatrix(full, [0, 1], 60, 16), { level });
    expect(periodic.bytes * (full / 16)).toBe(plain.bytes);
  });

  it('the plan’s rotations are the ones used: with one less, the missing one is named', () => {
    const matrix = randomMatrix(full, [-3, 0, 1, 9], 70);
    using transform = new LinearTransform(lab.context, matrix, { level });
    const uses = transform.plan.galoisUses(lab.parameters.logN);
    using x = lab.encrypt(randomSlots(full, 71), { level });
    for (const left of uses.keys()) {
      const one = new Laboratory(lab.context);
      for (const [i, use] of uses.entries()) if (i !== left) one.keys.addGalois(one.generator.galois(use));
      expect(() => transform.apply(one.evaluator, x)).toThrow(KeyError);
      expect(() => transform.apply(one.evaluator, x)).toThrow(/missing key for a rotation by \d+ .*at level 3/);
      one.keys[Symbol.dispose]();
    }
  });

  it('refuses what does not fit, and leaks nothing', () => {
    using transform = new LinearTransform(lab.context, randomMatrix(full, [0, 1], 80), { level });
    const evaluator = evaluatorFor(transform.plan);
    const before = lab.context.kernels.memory().slabs;
    {
      using low = lab.encrypt(randomSlots(full, 81), { level: 2 });
      expect(() => transform.apply(evaluator, low)).toThrow(/encoded for level 3, the ciphertext is at level 2/);
      using few = lab.encrypt(randomSlots(8, 81), { level, slots: 8 });
      expect(() => transform.apply(evaluator, few)).toThrow(/works on 1024 slots, the ciphertext has 8/);
      using x = lab.encrypt(randomSlots(full, 82), { level });
      expect(() => transform.apply(lab.evaluator, x)).toThrow(KeyError);
      transform.apply(evaluator, x)[Symbol.dispose]();
    }
    expect(lab.context.kernels.memory().slabs).toBe(before);
    const make = (options: LinearTransformOptions, matrix = randomMatrix(full, [0, 1], 1)) =>
      new LinearTransform(lab.context, matrix, options);
    for (const bad of [9, 0, -1, 1.5, Number.NaN]) expect(() => make({ level: bad })).toThrow(OperandError);
    for (const babySteps of [0, -2, 3, 0.5, Number.NaN, 2 * full])
      expect(() => make({ level, babySteps })).toThrow(/babySteps must be a power of two from 1 to 1024/);
    for (const scale of [0, -1, Number.NaN, 2 ** 200]) expect(() => make({ level, scale })).toThrow(OperandError);
    expect(() => make({ level }, randomMatrix(2 * full, [0], 1))).toThrow(/from 1 to 1024, not 2048/);
    expect(() => make({ level }, randomMatrix(full, [-1, 0, 1], 1).scaled(Number.NaN))).toThrow(OperandError);
    // The last diagonal is the one that cannot be encoded: those before it are released.
    const infinite = new Map([...randomMatrix(full, [0, 1], 1).diagonals]);
    infinite.set(2, { real: new Float64Array(full).fill(Number.POSITIVE_INFINITY), imag: new Float64Array(full) });
    expect(() => make({ level }, new DiagonalMatrix(full, infinite))).toThrow(/Infinity: encode finite numbers/);
    using huge = make({ level: 1, scale: 2 ** 70 }, randomMatrix(full, [0], 1));
    using x = lab.encrypt(randomSlots(full, 82), { level: 1 });
    expect(() => huge.apply(lab.evaluator, x)).toThrow(/scale 2\^110\.0 does not fit a modulus of 90\.0 bits/);
    expect(lab.context.kernels.memory().slabs).toBe(before + 2);
  });
});
