import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { demoPaths } from '../../../../packages/cipherformer/src/demo/folder.ts';
import { pixelsOf, polynomialLogits, testImages } from '../../../../packages/cipherformer/src/demo/samples.ts';
import { loadPolynomialModel } from '../../../../packages/model/src/files/folder.ts';
import { digitSize, type Ink, prepareDigit } from '../../src/input/digits.ts';

const images = testImages();

/** A digit as somebody might draw it: enlarged, its greys interpolated, anywhere on a larger canvas. */
function drawn(pixels: readonly number[], { scale, x: left, y: top }: { scale: number; x: number; y: number }): Ink {
  const size = 280;
  const at = (x: number, y: number) => (x < 0 || y < 0 || x >= 28 || y >= 28 ? 0 : pixels[y * 28 + x]!);
  const values = new Float64Array(size ** 2);
  for (let j = 0; j < size; j++)
    for (let i = 0; i < size; i++) {
      const [x, y] = [(i + 0.5 - left) / scale - 0.5, (j + 0.5 - top) / scale - 0.5];
      const [x0, y0] = [Math.floor(x), Math.floor(y)];
      const [fx, fy] = [x - x0, y - y0];
      const row = (yy: number) => (1 - fx) * at(x0, yy) + fx * at(x0 + 1, yy);
      values[j * size + i] = (1 - fy) * row(y0) + fy * row(y0 + 1);
    }
  return { width: size, height: size, values };
}

function centreOf(digit: Uint8Array): { x: number; y: number } {
  let [mass, x, y] = [0, 0, 0];
  digit.forEach((value, i) => {
    mass += value;
    x += value * ((i % digitSize) + 0.5);
    y += value * (Math.floor(i / digitSize) + 0.5);
  });
  return { x: x / mass, y: y / mass };
}

const argmax = (values: readonly number[]) => values.indexOf(Math.max(...values));

describe('a digit as MNIST’s authors prepared theirs', () => {
  const places = [
    { scale: 8, x: 5, y: 40 },
    { scale: 5.3, x: 110, y: 12.5 },
    { scale: 3.1, x: 20, y: 180 },
  ];

  it('is nearly the digit of MNIST that was drawn, wherever and however large', () => {
    const away = Array.from({ length: 90 }, (_, k) => {
      const pixels = pixelsOf(images, k);
      const digit = prepareDigit(drawn(pixels, places[k % 3]!))!;
      const ink = pixels.reduce((sum, value) => sum + value, 0);
      return digit.reduce((sum, value, i) => sum + Math.abs(value - pixels[i]!), 0) / ink;
    }).sort((a, b) => a - b);
    // Of the ink, where half a pixel beside its place would be 0.6: what two interpolations blur.
    expect(away[45]).toBeLessThan(0.33);
    expect(away.at(-1)).toBeLessThan(0.6);
  });

  it('has the label that the model gives to MNIST’s own', () => {
    const model = loadPolynomialModel(demoPaths().polynomial);
    const count = 60;
    const own = polynomialLogits(model, images, count).map(argmax);
    const pixels = Uint8Array.from(
      Array.from({ length: count }, (_, k) => [...prepareDigit(drawn(pixelsOf(images, k), places[k % 3]!))!]).flat(),
    );
    const again = polynomialLogits(model, { ...images, pixels }, count).map(argmax);
    expect(own.filter((label, k) => label === again[k]).length).toBeGreaterThanOrEqual(count - 1);
  });

  const blob = fc.record({
    x: fc.integer({ min: 0, max: 60 }),
    y: fc.integer({ min: 0, max: 60 }),
    width: fc.integer({ min: 1, max: 60 }),
    height: fc.integer({ min: 1, max: 60 }),
    value: fc.integer({ min: 64, max: 255 }),
  });
  const picture = (
    blobs: readonly { x: number; y: number; width: number; height: number; value: number }[],
    dx = 0,
  ) => {
    const values = new Uint8Array(160 * 130);
    for (const { x, y, width, height, value } of blobs)
      for (let j = y; j < y + height; j++) values.fill(value, j * 160 + x + dx, j * 160 + x + width + dx);
    return { width: 160, height: 130, values };
  };

  it('has its centre of mass in the middle and its longer side 20 pixels long, as far as it is not cut', () => {
    fc.assert(
      fc.property(fc.array(blob, { minLength: 1, maxLength: 4 }), (blobs) => {
        const digit = prepareDigit(picture(blobs))!;
        const { x, y } = centreOf(digit);
        const marked = [...digit.keys()].filter((i) => digit[i]! > 0);
        const extent = (of: (i: number) => number) => Math.max(...marked.map(of)) - Math.min(...marked.map(of)) + 1;
        const [width, height] = [extent((i) => i % digitSize), extent((i) => Math.floor(i / digitSize))];
        const longer = Math.max(width, height);
        expect(longer === 20 || longer === 21).toBe(true);
        // Very lopsided ink stays whole instead: then it touches an edge.
        const edge = (at: (i: number) => number) => marked.some((i) => at(i) === 0 || at(i) === digitSize - 1);
        if (!edge((i) => i % digitSize)) expect(Math.abs(x - 14.5)).toBeLessThan(0.2);
        if (!edge((i) => Math.floor(i / digitSize))) expect(Math.abs(y - 14.5)).toBeLessThan(0.2);
      }),
    );
  });

  it('is the same wherever it is drawn', () => {
    fc.assert(
      fc.property(fc.array(blob, { minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: 39 }), (blobs, dx) => {
        const [here, there] = [prepareDigit(picture(blobs))!, prepareDigit(picture(blobs, dx))!];
        // The sums are the same, rounded elsewhere.
        expect(Math.max(...here.map((value, i) => Math.abs(value - there[i]!)))).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('is none where nothing was drawn, and one where a single pixel was', () => {
    expect(prepareDigit({ width: 9, height: 7, values: new Uint8Array(63) })).toBeUndefined();
    const dot = prepareDigit({ width: 9, height: 7, values: Uint8Array.from({ length: 63 }, (_, i) => (i === 62 ? 255 : 0)) })!; // biome-ignore format: one call
    expect(dot.reduce((sum, value) => sum + value, 0)).toBeCloseTo(400 * 255, -3);
  });
});
