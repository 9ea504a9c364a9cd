import { evaluateProgram, programCost } from '@cipherformer/approx';
import { describe, expect, it } from 'vitest';
import { asParabola } from '../../src/lower/parabola.ts';

const program = (coefficients: readonly number[], interval: readonly [number, number] = [-3, 5]) => ({
  interval,
  steps: [{ op: 'polynomial' as const, value: 0, coefficients }],
});

describe('a parabola as one square', () => {
  for (const coefficients of [
    [0.7, 1.5, 0.8],
    [-2, 0.3, -0.5],
    [40, 1, 0.9],
    [0, 0, 1],
  ]) {
    it(`equals ${coefficients.join(', ')} in one level, with slots in [-1, 1]`, () => {
      const given = program(coefficients);
      const { program: made, factor } = asParabola(given)!;
      expect(programCost(given).levels).toBe(2);
      expect(programCost(made).levels).toBe(1);
      for (let i = 0; i <= 20; i++) {
        const x = -3 + (8 * i) / 20;
        const slot = evaluateProgram(made, x);
        expect(factor * slot).toBeCloseTo(evaluateProgram(given, x), 9);
        expect(Math.abs(slot)).toBeLessThanOrEqual(1 + 1e-12);
        expect(x).toBeGreaterThanOrEqual(made.interval[0]);
        expect(x).toBeLessThanOrEqual(made.interval[1]);
      }
    });
  }

  it('leaves other degrees and nearly straight lines alone', () => {
    expect(asParabola(program([1, 2]))).toBeUndefined();
    expect(asParabola(program([1, 2, 3, 4]))).toBeUndefined();
    expect(asParabola(program([1, 2, 0.05]))).toBeUndefined();
    expect(asParabola(program([1, 2, 0]))).toBeUndefined();
  });
});
