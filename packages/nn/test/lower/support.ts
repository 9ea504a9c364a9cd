import type { StoredTensor } from '../../../model/src/files/stored-tensor.ts';
import { InferenceModel } from '../../src/evaluate/inference.ts';
import { Random } from '../../src/random.ts';
import {
  type ModelConfig,
  type ModelConfigInput,
  type PolynomialConfig,
  parseModelConfig,
} from '../../src/transformer/config.ts';
import { bertConfig, gptConfig, llamaConfig, vitConfig } from '../../src/transformer/presets.ts';
import { initialWeights } from '../../src/transformer/weights.ts';

/** A GELU-like polynomial of degree 7 on [-9, 9], coefficients in the Chebyshev basis. */
export const degree7: PolynomialConfig = {
  kind: 'polynomial',
  low: -9,
  high: 9,
  coefficients: [0.6, 1.1, 0.83, 0.05, -0.09, 0.03, 0.01, -0.02],
  trainable: false,
  clamp: false,
};

const sizes = { width: 12, layers: 2, heads: 3, mlpWidth: 20 };
const image = { image: { channels: 2, height: 6, width: 6 }, classes: 5, ...sizes };
const text = { vocabulary: 11, maxTokens: 7, ...sizes };

/** `base` with pointwise polynomial attention and a polynomial MLP. */
export function polynomialForm(base: ModelConfig, change: Partial<ModelConfigInput> = {}): ModelConfig {
  return parseModelConfig({
    ...base,
    norm: { kind: base.norm.kind === 'rms' ? 'frozen-rms' : 'frozen' },
    ...change,
    attention: { ...base.attention, ...change.attention, kind: 'pointwise', activation: degree7 },
    mlp: { ...base.mlp, ...change.mlp, activation: degree7 },
  } satisfies ModelConfigInput);
}

export const vit = vitConfig({ ...image, patch: 3, pool: 'mean' });
export const vitClass = vitConfig({ ...image, patch: 3, pool: 'class' });
export const vitOverlap = vitConfig({ ...image, patch: 4, stride: 2, padding: 1, pool: 'mean' });
/** Three stages, windows of 2 on 8 x 8, 4 x 4 and 2 x 2 patches: all but the last stage have a block whose windows are moved. */
export const swin = parseModelConfig({
  task: 'image-classification',
  embedding: { kind: 'patch', channels: 2, height: 16, width: 16, patch: 2, norm: true },
  positions: { kind: 'learned' },
  width: 4,
  layers: 5,
  attention: { heads: 1, headWidth: 4 },
  mlp: { width: 8 },
  norm: { kind: 'layer' },
  stages: {
    window: 2,
    blocks: [
      { layers: 2, heads: 1 },
      { layers: 2, heads: 2 },
      { layers: 1, heads: 4 },
    ],
  },
  pool: 'mean',
  head: { outputs: 5 },
} satisfies ModelConfigInput);
export const bert = bertConfig({ ...text, classes: 3, pool: 'class' });
export const bertMean = bertConfig({ ...text, classes: 3, pool: 'mean' });
export const gpt = gptConfig({ ...text, tied: true });

export const llama = (change: { readonly interleaved?: boolean; readonly tied?: boolean } = {}) =>
  llamaConfig({
    ...text,
    width: 16,
    heads: 4,
    keyValueHeads: 2,
    epsilon: 1e-5,
    rotaryBase: 100,
    interleaved: false,
    tied: false,
    ...change,
  });

/** Maps of a causal model with everything that depends on query and key. */
export const byDistance = {
  attention: { ...gpt.attention, scaling: '1/sqrt(t+1)', distanceWeights: true, distanceOffsets: true },
} satisfies Partial<ModelConfigInput>;

/** Weights where everything that folds matters: biases, gains, statistics and maps away from their start. */
export function livelyWeights(config: ModelConfig, seed: number): Map<string, StoredTensor> {
  const random = new Random(seed);
  const weights = initialWeights(config, seed);
  for (const [name, { shape, data }] of weights) {
    if (name.endsWith('.coefficients')) continue;
    const positive = /running_var|denominator|norm\w*\.weight|map\.weight/.test(name);
    const wide = shape.length >= 2 && !name.includes('map.') ? 1.5 : 1;
    data.forEach((value, i) => {
      data[i] = positive ? 0.6 + random.uniform() : value * wide + 0.1 * random.normal();
    });
  }
  return weights;
}

export interface Example {
  readonly images?: Float32Array;
  readonly ids?: BigInt64Array;
  readonly mask?: Float32Array;
}

/** One random example; texts of classifiers end in padding. */
export function example(config: ModelConfig, seed: number, tokens: number): Example {
  const random = new Random(seed);
  const { embedding } = config;
  if (embedding.kind === 'patch') {
    const size = embedding.channels * embedding.height * embedding.width;
    return { images: Float32Array.from({ length: size }, () => random.normal()) };
  }
  const ids = BigInt64Array.from({ length: tokens }, () => BigInt(random.integer(embedding.vocabulary)));
  if (config.task === 'language-model') return { ids };
  const real = 2 + random.integer(tokens - 2);
  return { ids, mask: Float32Array.from({ length: tokens }, (_, t) => (t < real ? 1 : 0)) };
}

/** Logits of the existing ONNX path; of a language model, for every token. */
export async function onnxLogits(
  config: ModelConfig,
  weights: Map<string, StoredTensor>,
  input: Example,
  tokens?: number,
): Promise<Float32Array> {
  const model = await InferenceModel.create(config, weights, { batch: 1, ...(tokens ? { tokens } : {}) });
  try {
    return (await model.run({ ...input })).logits!.slice();
  } finally {
    await model.close();
  }
}

/** Largest difference over the largest value. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  const differences = Array.from(actual, (value, i) => Math.abs(value - expected[i]!));
  return Math.max(...differences) / Math.max(...Array.from(expected, Math.abs));
}
