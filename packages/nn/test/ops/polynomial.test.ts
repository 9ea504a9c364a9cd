import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Program } from '../../src/onnx/program.ts';
import { Session } from '../../src/onnx/session.ts';
import { polynomial } from '../../src/ops/index.ts';
import { blockMatrix, derivativeMatrix } from '../../src/ops/polynomial.ts';
import { Random } from '../../src/random.ts';

/** Clenshaw's recurrence, in double precision. */
function clenshaw(c: readonly number[], t: number): number {
  let b1 = 0;
  let b2 = 0;
  for (let k = c.length - 1; k >= 1; k--) [b1, b2] = [2 * t * b1 - b2 + c[k]!, b1];
  return t * b1 - b2 + c[0]!;
}

const chebyshev = (n: number, t: number): number => clenshaw([...new Array(n).fill(0), 1], t);

describe('polynomials in the Chebyshev basis', () => {
  it('agree with Clenshaw, inside and outside the interval, over several chunks', async () => {
    const random = new Random(4);
    for (const degree of [1, 2, 3, 5, 7, 9, 15, 27, 31, 63]) {
      const coefficients = Array.from({ length: degree + 1 }, (_, k) => random.normal() / (1 + k));
      const program = new Program();
      const x = program.input('x', [5, 16_000]);
      const c = program.constant(Float32Array.from(coefficients), [degree + 1]);
      const y = polynomial(x, c, { low: -2, high: 6 });
      const session = await Session.compile(program, { y });
      // Slightly outside too: far outside, float32 has nothing to say about degree 63.
      const values = Float32Array.from({ length: 80_000 }, () => 2 + 4.02 * (2 * random.uniform() - 1));
      const results = (await session.run({ x: values })).y!;
      let worst = 0;
      for (let i = 0; i < values.length; i += 7) {
        const expected = clenshaw(coefficients, (values[i]! - 2) / 4);
        worst = Math.max(worst, Math.abs(Number(results[i]) - expected) / (1 + Math.abs(expected)));
      }
      // A few float32 roundings per level of the recurrence, amplified by the basis change (at most 2 per block).
      expect(worst).toBeLessThan(2e-6 * (degree + 5));
      await session.close();
    }
  });

  it('the splitting into blocks is exact', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom(2, 4, 8),
        fc.double({ min: -1, max: 1, noNaN: true }),
        (degree, k, t) => {
          const c = Array.from({ length: degree + 1 }, (_, n) => Math.cos(n * 3 + degree));
          const rows = blockMatrix(degree, k);
          const blocks = rows.map((row) => row.reduce((sum, value, n) => sum + value * c[n]!, 0));
          const value = blocks.reduce(
            (sum, b, r) => sum + b * chebyshev(Math.floor(r / k) * k, t) * chebyshev(r % k, t),
            0,
          );
          expect(value).toBeCloseTo(clenshaw(c, t), 9);
        },
      ),
    );
  });

  it('the derivative matrix differentiates', () => {
    const c = [0.3, -1, 2, 0.5, 0.25, -0.75];
    const slope = derivativeMatrix(5).map((row) => row.reduce((sum, value, n) => sum + value * c[n]!, 0));
    for (const t of [-0.9, -0.2, 0, 0.4, 1]) {
      const h = 1e-5;
      expect(clenshaw(slope, t)).toBeCloseTo((clenshaw(c, t + h) - clenshaw(c, t - h)) / (2 * h), 6);
    }
  });
});
