// A factor taken in by the steps of a program: what it computes times the factor, at no further level, or a refusal.
import { evaluateProgram, programCost, type Step } from '@cipherformer/approx';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scaleSteps } from '../../src/passes/scale-steps.ts';

const interval = [-1, 1] as const;
const at = (steps: readonly Step[], t: number) => evaluateProgram({ interval: [...interval], steps }, t);

/** Steps of any form: each reads earlier values, with whole factors and others. */
const programs: fc.Arbitrary<readonly Step[]> = fc
  .array(
    fc.record({
      op: fc.constantFrom('affine', 'affine', 'polynomial', 'product', 'square'),
      left: fc.nat(9),
      right: fc.nat(9),
      factors: fc.tuple(fc.constantFrom(1, 2, -1, 0.5, -0.3), fc.constantFrom(1, -2, 0.7)),
      offset: fc.constantFrom(0, 0.25),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((draws) =>
    draws.map(({ op, left, right, factors, offset }, i): Step => {
      // The latest values first, so that few steps are left unread.
      const [a, b] = [Math.max(0, i - (left % 3)), Math.max(0, i - (right % 3))];
      if (op === 'product') return { op, left: a, right: b };
      if (op === 'square') return { op, value: a };
      if (op === 'polynomial') return { op, value: a, coefficients: [offset, ...factors] };
      const terms = [{ value: a, factor: factors[0] }, { value: b, factor: factors[1] }].slice(0, 1 + (left % 2)); // biome-ignore format: one list
      return { op, terms, offset };
    }),
  );

describe('factors in the steps of a program', () => {
  it('the result times the factor at no further level, or nothing; the steps given stay as they were', () => {
    const seen = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(programs, fc.constantFrom(0.5, 3.7, 1e-3), (steps, factor) => {
        const before = JSON.stringify(steps);
        const scaled = scaleSteps(steps, factor);
        expect(JSON.stringify(steps)).toBe(before);
        seen[scaled ? 'taken' : 'refused']++;
        if (!scaled) return;
        for (const t of [-0.9, 0.2, 1]) {
          const expected = factor * at(steps, t);
          expect(Math.abs(at(scaled, t) - expected)).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(expected)));
        }
        const levels = (one: readonly Step[]) => programCost({ interval: [...interval], steps: one }).levels;
        expect(levels(scaled)).toBeLessThanOrEqual(levels(steps));
      }),
      { numRuns: 3000, seed: 1 },
    );
    expect(Math.min(seen.taken, seen.refused)).toBeGreaterThan(300);
  });
});
