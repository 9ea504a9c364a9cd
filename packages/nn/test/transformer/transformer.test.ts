import { describe, expect, it } from 'vitest';
import { ConfigError, WeightError } from '../../../model/src/errors.ts';
import { elementCount } from '../../../model/src/files/stored-tensor.ts';
import { patchIndices } from '../../../model/src/inputs/patches.ts';
import { InferenceModel } from '../../src/evaluate/inference.ts';
import { gradients } from '../../src/onnx/autodiff.ts';
import { Program } from '../../src/onnx/program.ts';
import { Session } from '../../src/onnx/session.ts';
import { mul, sum } from '../../src/ops/index.ts';
import { Random } from '../../src/random.ts';
import { Builder } from '../../src/transformer/builder.ts';
import {
  type ModelConfig,
  type ModelConfigInput,
  parseModelConfig,
  sequenceLength,
} from '../../src/transformer/config.ts';
import { declareInputs } from '../../src/transformer/inputs.ts';
import { bertConfig, gptConfig, llamaConfig, vitConfig } from '../../src/transformer/presets.ts';
import { buildModel } from '../../src/transformer/transformer.ts';
import { checkWeights, initialWeights, parameterSpecs } from '../../src/transformer/weights.ts';

const sizes = { width: 8, layers: 2, heads: 2, mlpWidth: 12 };
const image = { image: { channels: 2, height: 6, width: 6 }, classes: 3, ...sizes };
const vit = vitConfig({ ...image, patch: 3, pool: 'class' });
const text = { vocabulary: 9, maxTokens: 5, ...sizes };
const gpt = gptConfig({ ...text, tied: true });
const bert = bertConfig({ ...text, classes: 2, pool: 'mean' });
const batchNorm = { kind: 'batch' } as const;
const friendly = parseModelConfig({
  ...vit,
  pool: 'mean',
  norm: batchNorm,
  mlp: { ...vit.mlp, norm: batchNorm },
  attention: { ...vit.attention, kind: 'pointwise', affine: true, mapNorm: batchNorm },
} satisfies ModelConfigInput);
const models: Record<string, ModelConfig> = {
  ViT: vit,
  BERT: bert,
  'GPT, tied': gpt,
  Llama: llamaConfig({ ...text, keyValueHeads: 1, epsilon: 1e-5, rotaryBase: 100, interleaved: false, tied: false }),
  'pointwise attention with BatchNorm': friendly,
  'pointwise attention, causal mask as a product': parseModelConfig({
    ...gpt,
    attention: { ...gpt.attention, kind: 'pointwise' },
  } satisfies ModelConfigInput),
  'pointwise attention by distance': parseModelConfig({
    ...gpt,
    attention: {
      ...gpt.attention,
      ...{ kind: 'pointwise', affine: true, scaling: '1/sqrt(t+1)', distanceWeights: true, distanceOffsets: true },
    },
  }),
  'frozen denominators': parseModelConfig({ ...vit, norm: { kind: 'frozen' } } satisfies ModelConfigInput),
};

const batch = 3;
function inputs(config: ModelConfig, seed = 1) {
  const random = new Random(seed);
  if (config.embedding.kind === 'patch')
    return { images: Float32Array.from({ length: batch * 72 }, () => random.normal()) };
  const ids = BigInt64Array.from({ length: batch * 5 }, () => BigInt(random.integer(9)));
  return config.task === 'language-model'
    ? { ids }
    : { ids, mask: Float32Array.from({ length: batch * 5 }, (_, i) => (i % 5 === 4 && i < 10 ? 0 : 1)) };
}

describe('whole models', () => {
  for (const [name, config] of Object.entries(models)) {
    it(`${name}: the gradient along random directions is that of central differences`, async () => {
      const program = new Program();
      const stored = new Map(parameterSpecs(config).map((spec) => [spec.name, spec]));
      const trained = [...stored.values()].filter((spec) => spec.trained);
      const tensors = new Map(
        [...stored.values()].map((spec) => [spec.name, program.input(spec.name, spec.shape, 'float32', spec.trained)]),
      );
      const builder = new Builder({ program, mode: 'train', batch, resolve: (spec) => tensors.get(spec.name)! });
      const { logits } = buildModel(builder, config, declareInputs(builder, config));
      const random = new Random(8);
      const draw = (count: number) => Float32Array.from({ length: count }, () => random.normal());
      const weights = program.constant(draw(elementCount(logits.shape)), logits.shape);
      const loss = sum(mul(logits, weights));
      const targets = trained.map((spec) => tensors.get(spec.name)!);
      const slopes = gradients(loss, targets);
      const outputs = Object.fromEntries(slopes.map((slope, i) => [`d${i}`, slope]));
      const session = await Session.compile(program, { loss, ...outputs });
      const values = Object.fromEntries([...initialWeights(config, 5)].map(([key, { data }]) => [key, data]));
      // Residual branches start small; larger weights make every path count.
      for (const spec of trained) if (spec.shape.length === 2) values[spec.name] = values[spec.name]!.map((x) => 2 * x);
      const feeds = { ...values, ...inputs(config) };
      const analytic = await session.evaluate(feeds);
      for (let direction = 0; direction < 3; direction++) {
        const move = trained.map((spec) => draw(elementCount(spec.shape)));
        const predicted = move.reduce(
          (total, v, i) => total + v.reduce((s, x, j) => s + x * Number(analytic[`d${i}`]![j]), 0),
          0,
        );
        const at = async (h: number) => {
          const moved = Object.fromEntries(
            trained.map((spec, i) => [spec.name, values[spec.name]!.map((x, j) => x + h * move[i]![j]!)]),
          );
          return Number((await session.evaluate({ ...feeds, ...moved })).loss![0]);
        };
        // Richardson's extrapolation of two central differences: the error is O(h^4).
        const h = 4e-3;
        const wide = ((await at(h)) - (await at(-h))) / (2 * h);
        const narrow = ((await at(h / 2)) - (await at(-h / 2))) / h;
        const measured = (4 * narrow - wide) / 3;
        expect(Math.abs(predicted - measured) / (1 + Math.abs(measured))).toBeLessThan(0.02);
      }
      await session.close();
    });
  }

  it('a causal model does not see the future, an encoder does not see padding', async () => {
    const causal = [
      'GPT, tied',
      'Llama',
      'pointwise attention, causal mask as a product',
      'pointwise attention by distance',
    ];
    for (const config of causal.map((name) => models[name]!)) {
      const model = await InferenceModel.create(config, initialWeights(config, 1), { batch });
      const feeds = inputs(config) as { ids: BigInt64Array };
      const before = (await model.run(feeds)).logits!.slice();
      const changed = feeds.ids.slice();
      changed[3] = (changed[3]! + 1n) % 9n;
      const after = (await model.run({ ids: changed })).logits!.slice();
      expect([...after.subarray(0, 27)]).toEqual([...before.subarray(0, 27)]);
      expect([...after.subarray(27, 36)]).not.toEqual([...before.subarray(27, 36)]);
      await model.close();
    }
    const model = await InferenceModel.create(bert, initialWeights(bert, 1), { batch });
    const feeds = inputs(bert) as { ids: BigInt64Array; mask: Float32Array };
    const before = (await model.run(feeds)).logits!.slice();
    const changed = feeds.ids.slice();
    changed[4] = (changed[4]! + 1n) % 9n;
    expect([...(await model.run({ ...feeds, ids: changed })).logits!]).toEqual([...before]);
    changed[14] = (changed[14]! + 1n) % 9n;
    expect([...(await model.run({ ...feeds, ids: changed })).logits!]).not.toEqual([...before]);
    await model.close();
  });

  it('BatchNorm trains on batch statistics and evaluates on running ones', async () => {
    const program = new Program();
    const builder = new Builder({ program, mode: 'train', batch });
    const graph = buildModel(builder, friendly, declareInputs(builder, friendly));
    const updates = Object.fromEntries([...builder.updates].map(([name, tensor]) => [`new.${name}`, tensor]));
    // norm1 and norm2, the one inside the MLP and the one over attention maps in each of 2 layers, and the last.
    expect(Object.keys(updates).length).toBe(2 * (2 * 4 + 1));
    const session = await Session.compile(program, { logits: graph.logits, ...updates });
    const weights = initialWeights(friendly, 1);
    const feeds = { ...Object.fromEntries([...weights].map(([key, { data }]) => [key, data])), ...inputs(friendly) };
    const results = await session.evaluate(feeds);
    // With the batch's own statistics (unbiased by momentum 0) evaluation gives what training gave.
    const settled = new Map([...weights].map(([name, tensor]) => [name, { ...tensor }]));
    for (const [output, value] of Object.entries(results)) {
      if (output === 'logits') continue;
      const name = output.slice('new.'.length);
      const start = name.endsWith('running_var') ? 1 : 0;
      settled.set(name, {
        ...settled.get(name)!,
        data: Float32Array.from(value as Float32Array, (x) => (x - 0.9 * start) / 0.1),
      });
    }
    const model = await InferenceModel.create(friendly, settled, { batch });
    const { logits } = await model.run(inputs(friendly));
    for (const [i, value] of logits!.entries()) expect(value).toBeCloseTo(Number(results.logits![i]), 2);
    await model.close();
    await session.close();
  });

  it('names its sites and what they hide', () => {
    const builder = new Builder({ program: new Program(), mode: 'evaluate', batch: 1 });
    buildModel(builder, friendly, declareInputs(builder, friendly));
    expect(builder.sites.map((site) => `${site.name} ${site.kind}`)).toEqual([
      'layers.0.attention.activation attention-activation',
      'layers.0.mlp.activation mlp-activation',
      'layers.1.attention.activation attention-activation',
      'layers.1.mlp.activation mlp-activation',
    ]);
    expect(builder.sites[0]!.tensor.shape).toEqual([1, 2, 4 + 1, 4 + 1]);
  });
});

describe('configurations', () => {
  it('count tokens and cut patches, with overlap and padding', () => {
    const overlapping = vitConfig({ ...image, patch: 4, stride: 2, padding: 1, pool: 'mean' });
    expect(sequenceLength(overlapping)).toBe(9);
    expect(sequenceLength(vit)).toBe(5);
    const { embedding } = overlapping;
    if (embedding.kind !== 'patch') throw new Error('no patches');
    const indices = patchIndices(embedding);
    expect(indices.length).toBe(9 * 2 * 16);
    // The first window starts one pixel outside: its first row and column are padding (index 72), then pixel (0, 0).
    expect(indices.slice(0, 8)).toEqual([72, 72, 72, 72, 72, 0, 1, 2]);
    // The middle window, second channel, starts at pixel (1, 1).
    expect(indices[4 * 32 + 16]).toBe(36 + 7);
  });

  it('scores by distance are -|q - k|^2 / (2 sqrt d), whatever turns queries and keys alike', async () => {
    const config = parseModelConfig({
      ...vit,
      attention: { ...vit.attention, kind: 'pointwise', similarity: 'distance', activation: 'exp', scaling: 'none' },
    } satisfies ModelConfigInput);
    const weights = initialWeights(config, 2);
    const { data } = weights.get('layers.0.attention.qkv.weight')!;
    data.copyWithin(64, 0, 64); // keys as queries: a token is at distance 0 from itself
    const run = async (which: string) => {
      const model = await InferenceModel.create(config, weights, {
        batch: 1,
        outputs: ({ sites }) => ({ values: sites.find(({ name }) => name === which)!.tensor }),
      });
      const images = Float32Array.from({ length: 72 }, (_, i) => Math.sin(i));
      const { values } = await model.run({ images });
      await model.close();
      return values!;
    };
    const scores = await run('layers.0.attention.activation');
    const tokens = Math.sqrt(scores.length / 2);
    const at = (t: number, j: number) => scores[t * tokens + j]!;
    let largest = 0;
    for (let t = 0; t < tokens; t++) {
      expect(Math.abs(at(t, t))).toBeLessThan(1e-6);
      for (let j = 0; j < tokens; j++) {
        largest = Math.max(largest, -at(t, j));
        expect(at(t, j)).toBeCloseTo(at(j, t), 5);
        // Roots of -scores are distances: they obey the triangle inequality.
        for (let m = 0; m < tokens; m++) {
          const distance = (a: number, b: number) => Math.sqrt(Math.max(0, -at(a, b)));
          expect(distance(t, j)).toBeLessThanOrEqual(distance(t, m) + distance(m, j) + 1e-3);
        }
      }
    }
    expect(largest).toBeGreaterThan(0.01);
  });

  it('refuse what contradicts itself', () => {
    const wrong = (change: object) => () => parseModelConfig({ ...vit, ...change });
    expect(wrong({ pool: 'none' })).toThrow(ConfigError);
    expect(wrong({ task: 'language-model' })).toThrow(/causal/);
    for (const change of [{ scaling: '1/sqrt(t+1)' }, { distanceWeights: true }, { distanceOffsets: true }]) {
      expect(wrong({ attention: { ...vit.attention, kind: 'pointwise', ...change } })).toThrow(/causal/);
    }
    expect(wrong({ attention: { ...vit.attention, keyValueHeads: 3, heads: 4 } })).toThrow(/groups/);
    expect(wrong({ head: { ...vit.head, tied: true } })).toThrow(/tied/);
    expect(wrong({ widht: 3 })).toThrow(/widht/);
    const withoutToken = { ...vit.embedding, classToken: false };
    expect(wrong({ embedding: withoutToken })).toThrow(/classToken/);
    expect(() => declareInputs(new Builder({ program: new Program(), mode: 'evaluate', batch: 1 }), gpt, 6)).toThrow(
      /6 tokens/,
    );
  });

  it('weights must be complete, in shape and without strangers', () => {
    const weights = initialWeights(vit, 1);
    checkWeights(vit, weights, 'x');
    const without = new Map(weights);
    without.delete('norm.bias');
    expect(() => checkWeights(vit, without, 'file.x')).toThrow(/file\.x: the tensor "norm\.bias" \[8\] is missing/);
    const wrong = new Map(weights).set('norm.bias', { shape: [4, 2], data: new Float32Array(8) });
    expect(() => checkWeights(vit, wrong, 'x')).toThrow(/\[4, 2\] where the configuration needs \[8\]/);
    const more = new Map(weights).set('extra', { shape: [1], data: new Float32Array(1) });
    expect(() => checkWeights(vit, more, 'x')).toThrow(WeightError);
    // Another part leaves the other parts' starting weights as they were.
    const deeper = initialWeights({ ...vit, layers: 3 }, 1);
    expect([...deeper.get('layers.0.mlp.up.weight')!.data]).toEqual([...weights.get('layers.0.mlp.up.weight')!.data]);
  });
});
