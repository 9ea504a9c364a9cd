import { describe, expect, it } from 'vitest';
import type { Split } from '../../src/data/splits.ts';
import { InferenceModel } from '../../src/evaluate/inference.ts';
import { recordRanges } from '../../src/evaluate/ranges.ts';
import { config, count, images, odd, weights } from './support.ts';

describe('recordRanges', () => {
  it('leaves out the examples that are most unlike the others', async () => {
    const all = await recordRanges(config, weights, images(), { limit: count });
    const spared = await recordRanges(config, weights, images(), { limit: count, spare: 1 / count });
    const site = all.findIndex(({ name }) => name === 'layers.0.norm1.variance');
    const [wide, narrow] = [all[site]!, spared[site]!];
    expect(wide.max).toBeGreaterThan(5 * narrow.max);
    expect(narrow.count).toBe(wide.count - wide.count / count);
    expect(narrow.histogram.counts.reduce((a, b) => a + b)).toBe(narrow.count);
    // The example left out is still reported as an example.
    expect(narrow.exampleMax[odd]).toBeCloseTo(wide.max, 5);
    const others = narrow.exampleMax.filter((_, i) => i !== odd);
    expect(narrow.max).toBeCloseTo(Math.max(...others), 5);
  });

  it('leaves out none by default', async () => {
    const ranges = await recordRanges(config, weights, images(), { limit: count });
    for (const range of ranges) expect(range.max).toBeCloseTo(Math.max(...range.exampleMax), 4);
  });

  it('tells usual values apart beside an example whose values explode', async () => {
    const usual = images();
    const feeds = (start: number, batch: number) => {
      const { images: pixels } = usual.feeds(start, batch);
      const values = Float32Array.from(pixels as Float32Array, (value, i) =>
        start + Math.floor(i / 16) === odd ? 1e12 * value : value,
      );
      return { images: values };
    };
    const set: Split = { ...usual, feeds };
    const [range] = await recordRanges(config, weights, set, { limit: count, batch: 1 });
    expect(range!.max).toBeGreaterThan(1e15);
    // The same site's values, sorted: an exact quantile.
    const inference = await InferenceModel.create(config, weights, {
      batch: count,
      outputs: ({ sites }) => ({ values: sites.find(({ name }) => name === range!.name)!.tensor }),
    });
    const { values } = await inference.run(together(feeds));
    await inference.close();
    const sorted = [...values!].sort((a, b) => a - b);
    const { low2, median } = range!.quantiles;
    expect(Math.abs(median / sorted[Math.ceil(sorted.length / 2) - 1]! - 1)).toBeLessThan(0.004);
    expect(Math.abs(low2 / sorted[0]! - 1)).toBeLessThan(0.004);
  });
});

/** All examples in one batch, each made by itself. */
function together(feeds: (start: number, batch: number) => { images: Float32Array }) {
  const rows = Array.from({ length: count }, (_, i) => [...feeds(i, 1).images.subarray(0, 16)]);
  return { images: Float32Array.from(rows.flat()) };
}
