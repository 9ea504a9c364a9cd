import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { exportOnnx } from '../../src/evaluate/export.ts';
import { InferenceModel } from '../../src/evaluate/inference.ts';
import { Random } from '../../src/random.ts';
import {
  type ActivationConfig,
  type ModelConfig,
  type ModelConfigInput,
  parseModelConfig,
} from '../../src/transformer/config.ts';
import { bertConfig, gptConfig, llamaConfig, vitConfig } from '../../src/transformer/presets.ts';
import { initialWeights } from '../../src/transformer/weights.ts';

const sizes = { width: 16, layers: 2, heads: 4, mlpWidth: 24 };
const text = { vocabulary: 13, maxTokens: 7, ...sizes };
const image = { image: { channels: 1, height: 8, width: 8 }, classes: 3, ...sizes };
const vit = vitConfig({ ...image, patch: 4, stride: 2, padding: 1, pool: 'mean' });
const batchNorm = { kind: 'batch' } as const;
const polynomial: ActivationConfig = {
  kind: 'polynomial',
  low: -4,
  high: 4,
  coefficients: [0.4, 0.5, 0.3, 0, -0.05, 0, 0.01, 0.002],
  trainable: false,
  clamp: false,
};

const models: Record<string, ModelConfig> = {
  'ViT, class token': vitConfig({ ...image, patch: 4, pool: 'class' }),
  'ViT, overlapping windows, mean pool': vit,
  BERT: bertConfig({ ...text, classes: 3, pool: 'mean' }),
  'GPT, tied': gptConfig({ ...text, tied: true }),
  'Llama, grouped queries': llamaConfig({
    ...text,
    keyValueHeads: 2,
    epsilon: 1e-5,
    rotaryBase: 10000,
    interleaved: true,
    tied: false,
  }),
  'pointwise attention, BatchNorm everywhere, polynomials': parseModelConfig({
    ...vit,
    norm: batchNorm,
    mlp: { ...vit.mlp, norm: batchNorm, activation: polynomial },
    attention: { ...vit.attention, kind: 'pointwise', affine: true, mapNorm: batchNorm, activation: polynomial },
  } satisfies ModelConfigInput),
  'frozen denominators and one override': parseModelConfig({
    ...vit,
    norm: { kind: 'frozen' },
    overrides: { 'layers.1.mlp.activation': polynomial },
    normOverrides: { 'layers.0.norm1': { kind: 'rms' } },
  } satisfies ModelConfigInput),
};

describe('ONNX export', () => {
  for (const [name, config] of Object.entries(models)) {
    it(`${name}: standard operators only, and the same logits`, async () => {
      const weights = initialWeights(config, 2);
      const random = new Random(3);
      const batch = 2;
      const feeds =
        config.embedding.kind === 'patch'
          ? { images: Float32Array.from({ length: batch * 64 }, () => random.normal()) }
          : { ids: BigInt64Array.from({ length: batch * 7 }, () => BigInt(random.integer(13))) };
      const all =
        config.task === 'text-classification'
          ? { ...feeds, mask: Float32Array.from({ length: batch * 7 }, (_, i) => (i === 6 ? 0 : 1)) }
          : feeds;
      const model = await InferenceModel.create(config, weights, { batch });
      const expected = [...(await model.run(all)).logits!];
      await model.close();

      const bytes = exportOnnx(config, weights, { batch });
      const graph = fromBinary(ModelProtoSchema, bytes).graph!;
      expect(graph.node.every((node) => node.domain === '')).toBe(true);
      expect(graph.input.map((input) => input.name).sort()).toEqual(Object.keys(all).sort());
      const session = await ort.InferenceSession.create(bytes);
      const shapes = { images: [batch, 64], ids: [batch, 7], mask: [batch, 7] };
      const tensors = Object.entries(all).map(([key, data]) => [
        key,
        new ort.Tensor(data instanceof Float32Array ? 'float32' : 'int64', data as Float32Array, shapes[key as 'ids']),
      ]);
      const { logits } = await session.run(Object.fromEntries(tensors));
      const actual = logits!.data as Float32Array;
      expect(actual.length).toBe(expected.length);
      for (const [i, value] of actual.entries()) expect(value).toBeCloseTo(expected[i]!, 4);
      await session.release();
    });
  }
});
