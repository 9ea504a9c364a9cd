import { expect, it } from 'vitest';
import { limitContrast, normalisePixels } from '../../src/inputs/pixels.ts';

const deviationOf = (values: Float64Array) => {
  const mean = values.reduce((a, b) => a + b) / values.length;
  return { mean, deviation: Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length) };
};

it('an image rich in contrast is scaled towards its own mean, another stays as it is', () => {
  const rich = Float64Array.from({ length: 96 }, (_, i) => (i % 2 ? 5 : -2) + i / 100);
  const before = deviationOf(rich);
  const scaled = rich.slice();
  limitContrast(scaled, 1.25);
  const after = deviationOf(scaled);
  expect(after.deviation).toBeCloseTo(1.25, 12);
  expect(after.mean).toBeCloseTo(before.mean, 12);
  const factor = 1.25 / before.deviation;
  scaled.forEach((v, i) => {
    expect(v).toBeCloseTo(before.mean + (rich[i]! - before.mean) * factor, 12);
  });
  const poor = rich.slice();
  limitContrast(poor, before.deviation + 0.01);
  expect(poor).toEqual(rich);
  const flat = new Float64Array(4).fill(3);
  limitContrast(flat, 0.5);
  expect([...flat]).toEqual([3, 3, 3, 3]);
});

it('contrast is that of the normalised image, all channels together, and only of the image asked for', () => {
  const pixels = Uint8Array.from({ length: 24 }, (_, i) => (i < 12 ? 9 : (i * 83) % 256));
  const plain = { mean: [0.5, 0.2], deviation: [0.25, 0.1] };
  const [free, limited] = [{ ...plain }, { ...plain, contrast: 0.7 }].map((normalisation) => {
    const target = new Float64Array(16).fill(7);
    normalisePixels(pixels, 12, 12, normalisation, target, 2);
    return target;
  }) as [Float64Array, Float64Array];
  expect(free[2]).toBeCloseTo((pixels[12]! / 255 - 0.5) / 0.25, 12);
  expect(free[2 + 6]).toBeCloseTo((pixels[18]! / 255 - 0.2) / 0.1, 12);
  const expected = free.slice(2, 14);
  limitContrast(expected, 0.7);
  expect([...limited]).toEqual([7, 7, ...expected, 7, 7]);
  expect(deviationOf(limited.slice(2, 14)).deviation).toBeCloseTo(0.7, 12);
});
