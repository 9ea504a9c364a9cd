import { describe, expect, it } from 'vitest';
import { imageEvaluation, initialWeights, recordRanges, vitConfig } from '../../src/index.ts';

const config = vitConfig({
  image: { channels: 1, height: 4, width: 4 },
  classes: 2,
  patch: 2,
  width: 4,
  layers: 1,
  heads: 1,
  mlpWidth: 4,
  pool: 'mean',
});
const weights = initialWeights(config, 1);
const count = 20;
const odd = 7;

/** Grey noise, and one image of black and white. */
function images() {
  const pixels = Uint8Array.from({ length: 16 * count }, (_, i) =>
    Math.floor(i / 16) === odd ? 255 * ((i * 7) % 2) : 120 + ((i * 37) % 16),
  );
  const set = { channels: 1, height: 4, width: 4, count, pixels, labels: new Uint8Array(count) };
  return imageEvaluation(set, { mean: [0.5], deviation: [0.02] }, 2);
}

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
});
