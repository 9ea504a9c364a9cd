import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../../model/src/errors.ts';
import { type PointwiseOptions, pointwiseAttention } from '../../../src/convert/substitution/architecture.ts';
import { bert, example, gpt, livelyWeights, onnxLogits, relativeError } from '../../lower/support.ts';

const plain: PointwiseOptions = { activation: 'gelu', affine: true };
const byDistance: PointwiseOptions = { ...plain, distanceWeights: true, distanceOffsets: true };

describe('tables by distance', () => {
  it('start so that attention does what it does without them', async () => {
    const from = { config: gpt, weights: livelyWeights(gpt, 3) };
    const input = example(gpt, 4, 6);
    const [without, start] = [plain, byDistance].map((options) => pointwiseAttention(from, options));
    const logits = await onnxLogits(without!.config, new Map(without!.weights), input, 6);
    const same = await onnxLogits(start!.config, new Map(start!.weights), input, 6);
    expect(relativeError(same, logits)).toBeLessThan(1e-6);
  });

  it('weigh each key by its distance from the query', async () => {
    const { config, weights } = pointwiseAttention({ config: gpt, weights: livelyWeights(gpt, 3) }, byDistance);
    const { heads } = config.attention;
    const input = example(config, 4, 6);
    // Only the key two tokens back counts: then a change of token 1 reaches token 3 in the first layer, 5 in the second.
    const onlyTwoBack = new Map(
      [...weights].map(([name, tensor]) => {
        if (!name.endsWith('distance_weight')) return [name, tensor];
        const longest = tensor.data.length / heads;
        return [name, { ...tensor, data: tensor.data.map((_, i) => (i % longest === 2 ? 1 : 0)) }];
      }),
    );
    const ids = input.ids!.slice();
    ids[1] = (ids[1]! + 1n) % 11n;
    const before = await onnxLogits(config, onlyTwoBack, input, 6);
    const after = await onnxLogits(config, onlyTwoBack, { ids }, 6);
    const row = (logits: Float32Array, t: number) => [...logits.subarray(11 * t, 11 * (t + 1))];
    const moved = [0, 1, 2, 3, 4, 5].filter((t) => row(before, t).join() !== row(after, t).join());
    expect(moved).toEqual([1, 3, 5]);
  });

  it('need a causal mask', () => {
    const from = { config: bert, weights: livelyWeights(bert, 3) };
    expect(() => pointwiseAttention(from, byDistance)).toThrow(ConfigError);
    expect(() => pointwiseAttention(from, byDistance)).toThrow(/distanceWeights, distanceOffsets .* causal/);
  });
});
