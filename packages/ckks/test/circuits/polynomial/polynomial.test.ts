// Polynomials on ciphertexts against Clenshaw's recurrence: every degree to 63, either parity, exact level and scale.
import { evaluationPlan } from '@cipherformer/approx';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { PolynomialEvaluator } from '../../../src/circuits/index.ts';
import { OperandError } from '../../../src/errors/index.ts';
import type { Slots } from '../../../src/scheme/index.ts';
import { fixRandomness, Laboratory, realSlots, smallLiteral, uniform, wordsOf, worst } from '../../scheme/support.ts';

let lab: Laboratory;
let polynomials: PolynomialEvaluator;
let slots: number;
let points: Slots;

beforeAll(async () => {
  fixRandomness('polynomial');
  lab = (
    await Laboratory.create({
      ...smallLiteral,
      logN: 10,
      chainBits: [50, ...Array<number>(7).fill(40)],
      specialBits: [50, 50, 50],
    })
  ).withKeys();
  polynomials = new PolynomialEvaluator(lab.evaluator);
  slots = lab.parameters.maxSlots;
  // The ends, the middle, and Chebyshev points, where the basis oscillates most.
  points = realSlots(slots, (i) => (i < 3 ? i - 1 : Math.cos((Math.PI * (i + 0.3)) / slots)));
});
afterAll(() => {
  lab[Symbol.dispose]();
  vi.restoreAllMocks();
});

function clenshaw(c: readonly number[], t: number): number {
  let [b1, b2] = [0, 0];
  for (let j = c.length - 1; j >= 1; j--) [b1, b2] = [2 * t * b1 - b2 + c[j]!, b1];
  return t * b1 - b2 + (c[0] ?? 0);
}

type Parity = 'any' | 'even' | 'odd';

/** Coefficients whose absolute values sum to one, so that the polynomial stays in [-1, 1]; the last is never zero. */
function coefficients(degree: number, parity: Parity, seed = degree): number[] {
  const next = uniform(seed);
  const c = Array.from({ length: degree + 1 }, (_, j) =>
    (parity === 'even' && j % 2 === 1) || (parity === 'odd' && j % 2 === 0) ? 0 : next() + 1.5,
  );
  const sum = c.reduce((a, b) => a + Math.abs(b), 0);
  return c.map((x, j) => ((j % 3 === 0 ? -1 : 1) * x) / sum);
}

const exactly = (c: readonly number[]) => realSlots(slots, (i) => clenshaw(c, points.real[i]!));

// The input's noise, 2^-34 in a slot, times |p'| <= degree^2 at the ends; each step adds about as much.
const tolerance = (degree: number) => 2 ** -30 * (1 + degree ** 2);

describe('evaluation in the Chebyshev basis', () => {
  it.each(Array.from({ length: 63 }, (_, i) => i + 1))('degree %i', (degree) => {
    using t = lab.encrypt(points);
    for (const parity of ['any', degree % 2 === 0 ? 'even' : 'odd'] as const) {
      if (parity !== 'any' && degree % 5 !== 0 && degree < 60) continue;
      const c = coefficients(degree, parity);
      using result = polynomials.evaluate(t, c);
      expect(result.level).toBe(t.level - Math.ceil(Math.log2(degree + 1)));
      expect(result.scale / t.scale).toBeCloseTo(1, 14);
      expect(result.size).toBe(2);
      expect(worst(lab.decrypt(result), exactly(c))).toBeLessThan(tolerance(degree));
    }
  });

  it.each([2 ** 30, 2 ** 40 * 1.37, 2 ** 45])('ends exactly on the scale asked for: %d', (target) => {
    const c = coefficients(13, 'any');
    using t = lab.encrypt(points);
    using result = polynomials.evaluate(t, c, target);
    expect(result.scale / target).toBeCloseTo(1, 14);
    expect(worst(lab.decrypt(result), exactly(c))).toBeLessThan((tolerance(13) * 2 ** 40) / Math.min(target, 2 ** 40));
  });

  it('takes inputs of any scale, at the lowest level that has room', () => {
    const c = coefficients(7, 'any');
    for (const scale of [2 ** 38, 2 ** 41 * 1.1]) {
      using t = lab.encrypt(points, { scale, level: 3 });
      using result = polynomials.evaluate(t, c, 2 ** 40);
      expect(result.level).toBe(0);
      expect(worst(lab.decrypt(result), exactly(c))).toBeLessThan(8 * tolerance(7));
    }
  });

  it('skips zero coefficients: single basis elements, trailing zeros, a gap', () => {
    using t = lab.encrypt(points);
    for (const c of [
      [0, 1],
      [0, 0, 0, 0, 1],
      [0, 0, 0, 0, 0, 0, 0, 1],
      [0.25, 0.5, 0, 0, 0],
      [0.5, 0, 0, 0, 0, 0, 0, 0, 0, 0.25],
      [...Array(31).fill(0), 1],
    ]) {
      using result = polynomials.evaluate(t, c);
      expect(result.level).toBe(t.level - evaluationPlan(c).cost.levels);
      expect(worst(lab.decrypt(result), exactly(c))).toBeLessThan(tolerance(c.length));
    }
  });

  it('in powers of t: the same, within the conversion', () => {
    using t = lab.encrypt(points);
    for (const c of [
      [0, 1],
      [0.5, -0.25, 0.25],
      [0, 0, 0, 0, 0, 1],
      coefficients(15, 'any'),
      [...coefficients(6, 'even'), 0],
    ]) {
      using result = polynomials.evaluateMonomial(t, c);
      expect(result.level).toBe(t.level - Math.ceil(Math.log2(c.findLastIndex((x) => x !== 0) + 1)));
      const exact = realSlots(slots, (i) => c.reduceRight((sum, x) => sum * points.real[i]! + x, 0));
      expect(worst(lab.decrypt(result), exact)).toBeLessThan(tolerance(c.length));
    }
  });

  it('agrees with itself: p + q evaluated at once is p plus q', () => {
    const [p, q] = [coefficients(21, 'any', 1), coefficients(21, 'odd', 2)];
    using t = lab.encrypt(points);
    using rp = polynomials.evaluate(t, p);
    using rq = polynomials.evaluate(t, q);
    using sum = lab.evaluator.add(rp, rq);
    using once = polynomials.evaluate(t, p.map((x, j) => x + q[j]!)); // biome-ignore format: short
    expect(worst(lab.decrypt(sum), lab.decrypt(once))).toBeLessThan(tolerance(21));
  });

  it('leaves its operand as it was, and no memory behind, whether it succeeds or fails', () => {
    using t = lab.encrypt(points);
    const before = lab.context.kernels.memory().slabs;
    const words = wordsOf(t);
    polynomials.evaluate(t, coefficients(19, 'any'))[Symbol.dispose]();
    expect(() => polynomials.evaluate(t, [0, 0.1, Number.NaN, 0.2])).toThrow(OperandError);
    expect(wordsOf(t)).toEqual(words);
    expect(lab.context.kernels.memory().slabs).toBe(before);
  });

  it('refuses constants, and inputs without enough levels, and says how many are needed', () => {
    using t = lab.encrypt(points, { level: 2 });
    for (const constant of [[], [0.5], [0.5, 0, 0]]) {
      expect(() => polynomials.evaluate(t, constant)).toThrow(/constant polynomial/);
      expect(() => polynomials.evaluateMonomial(t, constant)).toThrow(/constant polynomial/);
    }
    expect(() => polynomials.evaluate(t, coefficients(4, 'any'))).toThrow(
      /polynomial of 3 levels cannot be evaluated at level 2: bootstrap first/,
    );
    // A million coefficients are refused as quickly.
    const huge = new Array<number>(2 ** 20).fill(1);
    expect(() => polynomials.evaluateMonomial(t, huge)).toThrow(/polynomial of 20 levels/);
    for (const scale of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60])
      expect(() => polynomials.evaluate(t, coefficients(3, 'any'), scale)).toThrow(OperandError);
  });
});
