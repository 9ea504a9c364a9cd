import { describe, expect, it } from 'vitest';
import { type PointwiseOptions, pointwiseAttention } from '../../../src/convert/substitution/architecture.ts';
import { balanceMaps } from '../../../src/convert/substitution/balance.ts';
import type { SiteRange } from '../../../src/evaluate/ranges.ts';
import { gpt, livelyWeights, vit } from '../../lower/support.ts';

const relu: PointwiseOptions = { activation: 'relu', affine: true };

/** What a site saw if its inputs were -1 and 3 alike often. */
const halfAndHalf = (name: string): SiteRange => {
  const counts = new Array<number>(5).fill(0);
  counts[0] = 7;
  counts[4] = 7;
  const quantiles = { low4: -1, low2: -1, median: 1, high2: 3, high4: 3 };
  return {
    name,
    kind: 'attention-softmax',
    ...{ count: 14, min: -1.5, max: 3.5, mean: 1, deviation: 2, quantiles },
    histogram: { low: -1.5, high: 3.5, counts },
    exampleMax: new Float32Array(),
    exampleMin: new Float32Array(),
  };
};

describe('balanced values', () => {
  it('are divided by the mean sum of a row, and nothing else changes', () => {
    const from = pointwiseAttention({ config: vit, weights: livelyWeights(vit, 3) }, relu);
    const { config, weights } = balanceMaps(from, [halfAndHalf('layers.0.attention.softmax')]);
    const { heads, headWidth } = config.attention;
    const tokens = from.weights.get('embedding.position.weight')!.shape[0]!;
    // relu is 0 or 3, alike often; a row has all tokens, divided by their square root.
    const sum = 1.5 * Math.sqrt(tokens);
    for (const [name, { shape, data }] of weights) {
      const before = from.weights.get(name)!.data;
      const values = name.startsWith('layers.0.attention.qkv') ? (heads * headWidth * data.length) / shape[0]! : 0;
      expect([...data.subarray(0, data.length - values)]).toEqual([...before.subarray(0, data.length - values)]);
      for (let i = data.length - values; i < data.length; i++) expect(data[i]! * sum).toBeCloseTo(before[i]!, 5);
    }
  });

  it('count the keys that a causal query sees', () => {
    const from = pointwiseAttention({ config: gpt, weights: livelyWeights(gpt, 3) }, { ...relu, scaling: '1/L' });
    const name = 'layers.0.attention.qkv.weight';
    const { weights } = balanceMaps(from, [halfAndHalf('layers.0.attention.softmax')]);
    const last = from.weights.get(name)!.data.length - 1;
    const tokens = from.weights.get('embedding.position.weight')!.shape[0]!;
    const sum = (1.5 * (tokens + 1)) / 2 / tokens;
    expect(weights.get(name)!.data[last]! * sum).toBeCloseTo(from.weights.get(name)!.data[last]!, 5);
  });
});
