import { describe, expect, it } from 'vitest';
import { maxRangeLoss, normRangeLoss, squaredRangeLoss } from '../../../src/convert/training/range-loss.ts';
import { gradients } from '../../../src/onnx/autodiff.ts';
import { Program, type Tensor } from '../../../src/onnx/program.ts';
import { Session } from '../../../src/onnx/session.ts';

const low = -1;
const high = 3;
const include = Float32Array.of(1, 0, 1, 1);
const excess = (x: number) => Math.max(0, x - high, low - x);
const kept = (xs: readonly number[], masked: boolean) => xs.map((x, i) => (masked && !include[i % 4] ? 0 : excess(x)));

/** The definitions, in doubles and without a tape. */
const reference = {
  square: (e: readonly number[]) => e.reduce((sum, v) => sum + (v / 2) ** 2, 0) / e.length,
  norm: (e: readonly number[]) => (e.reduce((sum, v) => sum + (v / 2) ** 8, 0) / e.length) ** (1 / 8),
};
const built = { square: squaredRangeLoss, norm: normRangeLoss, max: maxRangeLoss };

async function run(form: keyof typeof built, xs: readonly number[], masked: boolean) {
  const program = new Program();
  const x: Tensor = program.input('x', [2, 4], 'float32', true);
  const mask = program.constant(include, [4], 'include');
  const loss = built[form](x, low, high, masked ? mask : undefined);
  const [slope] = gradients(loss, [x]);
  const session = await Session.compile(program, { loss, slope: slope! });
  const result = await session.evaluate({ x: Float32Array.from(xs) });
  await session.close();
  return { loss: Number(result.loss![0]), slope: [...(result.slope as Float32Array)] };
}

const outside = [5, 7, -4, 0.5, 2.9, -6, -0.9, 3.5];
const inside = [0, 1, 2, 2.99, -0.99, 0.3, 1.4, 2.2];

describe('range penalties', () => {
  for (const form of ['square', 'norm'] as const) {
    for (const masked of [false, true]) {
      it(`${form}${masked ? ', hidden values left out' : ''}: value and slope agree with the definition`, async () => {
        const f = (xs: readonly number[]) => reference[form](kept(xs, masked));
        const { loss, slope } = await run(form, outside, masked);
        expect(loss).toBeCloseTo(f(outside), 5);
        outside.forEach((_, i) => {
          const moved = (h: number) => outside.map((x, j) => (i === j ? x + h : x));
          expect(slope[i]).toBeCloseTo((f(moved(1e-4)) - f(moved(-1e-4))) / 2e-4, 4);
        });
      });
    }
  }

  it('max: the two extremes alone, in half-widths', async () => {
    const { loss, slope } = await run('max', outside, false);
    // 7 lies 4 above 3, -6 lies 5 below -1; the half-width is 2.
    expect(loss).toBeCloseTo((4 + 5) / 2, 6);
    expect(slope).toEqual([0, 0.5, 0, 0, 0, -0.5, 0, 0]);
    expect((await run('max', outside, true)).loss).toBeCloseTo((2 + 3) / 2, 6);
  });

  for (const form of ['square', 'norm', 'max'] as const) {
    it(`${form}: nothing where all is inside`, async () => {
      const { loss, slope } = await run(form, inside, false);
      expect(loss).toBeCloseTo(0, 1);
      expect(Math.max(...slope.map(Math.abs))).toBe(0);
    });
  }
});
