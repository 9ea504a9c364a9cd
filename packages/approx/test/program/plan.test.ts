import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type EvaluationPlan,
  evaluatePlan,
  evaluationCost,
  evaluationPlan,
  optimalDepth,
  Polynomial,
} from '../../src/index.ts';
import { clenshaw } from '../../src/polynomial.ts';
import { propertyRun } from '../support.ts';

const coefficient = fc.double({ min: -1, max: 1, noNaN: true }).filter((v) => Math.abs(v) > 1e-3);
const shapes = {
  full: () => true,
  even: (j: number) => j % 2 === 0,
  odd: (j: number) => j % 2 === 1,
  'even and linear': (j: number) => j % 2 === 0 || j === 1,
} as const;

function polynomialOf(shape: keyof typeof shapes, degree: number): number[] {
  return Array.from({ length: degree + 1 }, (_, j) => (shapes[shape](j) ? 1 / (1 + j) : 0));
}

/** Depth recomputed from the plan itself, level by level, so that the stated one is not taken on trust. */
function walkDepth(plan: EvaluationPlan): number {
  const depth = new Map([
    [0, 0],
    [1, 0],
  ]);
  for (const { index, left, right } of plan.basis) depth.set(index, Math.max(depth.get(left)!, depth.get(right)!) + 1);
  const walk = (node: EvaluationPlan['root']): number => {
    if (node.kind === 'sum')
      return node.coefficients.reduce((d, c, j) => (j > 0 && c !== 0 ? Math.max(d, depth.get(j)! + 1) : d), 0);
    return Math.max(Math.max(walk(node.quotient), depth.get(node.giant)!) + 1, walk(node.remainder));
  };
  return walk(plan.root);
}

describe('evaluation plans', () => {
  it('compute the polynomial, at depth ceil(log2(degree + 1))', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...(Object.keys(shapes) as (keyof typeof shapes)[])),
        fc.array(coefficient, { minLength: 1, maxLength: 140 }),
        fc.double({ min: -1, max: 1, noNaN: true }),
        (shape, values, t) => {
          const coefficients = values.map((c, j) => (shapes[shape](j) ? c : 0));
          const plan = evaluationPlan(coefficients);
          const { degree } = new Polynomial(coefficients);
          expect(Math.abs(evaluatePlan(plan, t) - clenshaw(coefficients, t))).toBeLessThan(1e-10);
          expect(walkDepth(plan)).toBe(plan.cost.levels);
          expect(plan.cost.levels).toBe(optimalDepth(degree));
        },
      ),
      { ...propertyRun, numRuns: 300 },
    );
  });

  it('odd degrees: the products of baby-step giant-step with odd baby steps (Lee et al., ePrint 2020/834)', () => {
    const products = (degree: number) => evaluationPlan(polynomialOf('odd', degree)).cost.ciphertextMultiplications;
    expect([3, 5, 7, 9, 11, 13, 15].map(products)).toEqual([2, 3, 5, 5, 6, 7, 8]);
    // 17 and 21 gain from baby steps that are no power of two.
    expect([17, 19, 21, 23, 25, 27, 29, 31].map(products)).toEqual([7, 8, 8, 9, 10, 10, 11, 12]);
  });

  it('parity saves products: degree 30 and 63', () => {
    const products = (shape: keyof typeof shapes, degree: number) =>
      evaluationPlan(polynomialOf(shape, degree)).cost.ciphertextMultiplications;
    expect(products('full', 30)).toBe(12);
    expect(products('even', 30)).toBe(9);
    expect(products('full', 63)).toBe(18);
    expect(products('odd', 63)).toBe(17);
    expect(products('even', 62)).toBe(14);
    // x/2 + even, as GELU and ReLU are: the linear term rides along.
    expect(products('even and linear', 62)).toBe(14);
  });

  it('small cases are exact', () => {
    expect(evaluationCost(new Polynomial([3])).levels).toBe(0);
    expect(evaluationCost(new Polynomial([0, 2]))).toMatchObject({
      levels: 1,
      ciphertextMultiplications: 0,
      plaintextMultiplications: 1,
    });
    expect(evaluationCost(new Polynomial([1, 1, 1]))).toMatchObject({
      levels: 2,
      ciphertextMultiplications: 1,
      squarings: 1,
    });
    expect(evaluationCost(new Polynomial([0, 0, 0, 0, 1]))).toMatchObject({
      levels: 3,
      ciphertextMultiplications: 2,
      plaintextMultiplications: 1,
    });
  });
});
