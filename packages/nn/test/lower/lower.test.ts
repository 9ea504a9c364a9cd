import { inverseSqrtIteration, programCost } from '@cipherformer/approx';
import { describe, expect, it } from 'vitest';
import { ShapeError, WeightError } from '../../../model/src/errors.ts';
import { evaluate } from '../../../model/src/graph/evaluate.ts';
import { modelLevels } from '../../../model/src/graph/levels.ts';
import { prepareInput } from '../../../model/src/inputs/prepare-input.ts';
import { UnsupportedPartError } from '../../src/errors.ts';
import { type LowerOptions, lower } from '../../src/lower/lower.ts';
import { makePolynomialModel } from '../../src/lower/make-model.ts';
import {
  type ModelConfig,
  type ModelConfigInput,
  type PolynomialConfig,
  parseModelConfig,
} from '../../src/transformer/config.ts';
import {
  bert,
  bertMean,
  byDistance,
  degree7,
  type Example,
  example,
  gpt,
  livelyWeights,
  llama,
  onnxLogits,
  polynomialForm,
  relativeError,
  swin,
  vit,
  vitClass,
  vitOverlap,
} from './support.ts';

const batch = { kind: 'batch' } as const;
const parabola: PolynomialConfig = { ...degree7, low: -5, high: 6, coefficients: [0.9, 1.4, 0.5] };
const everyNorm = (base: ModelConfig): Partial<ModelConfigInput> => ({
  norm: batch,
  attention: { ...base.attention, affine: true, mapNorm: batch },
  mlp: { ...base.mlp, norm: batch },
});

const models: Record<string, ModelConfig> = {
  'ViT, mean pool, frozen': polynomialForm(vit),
  'ViT, mean pool, batch': polynomialForm(vit, { norm: batch }),
  'ViT, mean pool, no normalisation': polynomialForm(vit, { norm: { kind: 'none' } }),
  'ViT, class token': polynomialForm(vitClass),
  'ViT, class token, no positions': polynomialForm(vitClass, { positions: { kind: 'none' } }),
  'ViT, no positions': polynomialForm(vit, { positions: { kind: 'none' }, finalNorm: false }),
  'ViT, overlapping patches with padding': polynomialForm(vitOverlap),
  'ViT, pixel-first patches': polynomialForm(vit, {
    embedding: { ...vit.embedding, order: 'pixel-first' } as ModelConfig['embedding'],
  }),
  'ViT with affine maps, mapNorm and MLP norm': polynomialForm(vit, everyNorm(vit)),
  'ViT with frozen MLP norm and head norm': polynomialForm(vit, {
    mlp: { ...vit.mlp, norm: { kind: 'frozen' } },
    head: { ...vit.head, norm: true },
  }),
  'ViT with a hidden head': polynomialForm(vit, { head: { outputs: 5, hidden: { width: 6, activation: 'identity' } } }),
  'ViT with identity activations': parseModelConfig({
    ...vit,
    norm: batch,
    attention: { ...vit.attention, kind: 'pointwise', activation: 'identity' },
    mlp: { ...vit.mlp, activation: 'identity' },
  } satisfies ModelConfigInput),
  'ViT with shared keys and a gated MLP': polynomialForm(vit, {
    attention: { ...vit.attention, keyValueHeads: 1 },
    mlp: { ...vit.mlp, kind: 'gated' },
  }),
  'ViT with parabolas': parseModelConfig({
    ...polynomialForm(vit),
    attention: { ...vit.attention, kind: 'pointwise', activation: parabola },
    mlp: { ...vit.mlp, activation: parabola },
  } satisfies ModelConfigInput),
  'ViT with parabolas and a gate': parseModelConfig({
    ...polynomialForm(vit),
    attention: { ...vit.attention, kind: 'pointwise', activation: parabola },
    mlp: { ...vit.mlp, kind: 'gated', activation: parabola },
  } satisfies ModelConfigInput),
  'ViT, post-norm': polynomialForm(vit, { placement: 'post' }),
  'ViT, scores with relative positions': polynomialForm(vit, {
    attention: {
      ...vit.attention,
      affine: true,
      relative: { kind: 'grid', rows: 2, columns: 2, classToken: false, shared: true },
    },
  }),
  Swin: polynomialForm(swin),
  'Swin, no positions, affine maps, batch': polynomialForm(swin, {
    norm: batch,
    positions: { kind: 'none' },
    attention: { ...swin.attention, affine: true, mapNorm: batch },
  }),
  'Swin, patches embedded and normalised by the client': polynomialForm(swin, {
    positions: { kind: 'none' },
    normOverrides: { 'embedding.norm': { kind: 'layer' } },
  }),
  'ViT without positions, patches embedded by the client, RMSNorm': polynomialForm(vit, {
    positions: { kind: 'none' },
    embedding: { ...vit.embedding, norm: true } as ModelConfig['embedding'],
    normOverrides: { 'embedding.norm': { kind: 'rms' } },
  }),
  'Swin, post-norm, no normalisation of patches': polynomialForm(swin, {
    placement: 'post',
    embedding: { ...swin.embedding, norm: false } as ModelConfig['embedding'],
  }),
  'BERT, class pool, frozen, embedding LayerNorm': polynomialForm(bert, {
    normOverrides: { 'embedding.norm': { kind: 'layer' } },
  }),
  'BERT, mean pool, frozen everywhere': polynomialForm(bertMean),
  'BERT, mean pool, batch, all norms': polynomialForm(bertMean, everyNorm(bertMean)),
  'BERT with token types': polynomialForm(bert, {
    embedding: { ...bert.embedding, segments: 2 } as ModelConfig['embedding'],
  }),
  'ViT, scores by distance, affine and normalised': polynomialForm(vit, {
    attention: { ...vit.attention, similarity: 'distance', affine: true, mapNorm: batch },
  }),
  'BERT, scores by distance': polynomialForm(bert, { attention: { ...bert.attention, similarity: 'distance' } }),
  'GPT, scores by distance, no biases': polynomialForm(gpt, {
    attention: { ...gpt.attention, similarity: 'distance', qkvBias: false },
  }),
  'GPT, tied head': polynomialForm(gpt),
  'GPT, maps by distance': polynomialForm(gpt, byDistance),
  'GPT, maps by distance, affine and normalised, parabolas': parseModelConfig({
    ...polynomialForm(gpt, everyNorm(gpt)),
    attention: {
      ...gpt.attention,
      ...{ ...byDistance.attention, kind: 'pointwise', activation: parabola, affine: true, mapNorm: batch },
    },
  }),
  'GPT, maps scaled by the keys seen': polynomialForm(gpt, {
    attention: { ...gpt.attention, scaling: '1/sqrt(t+1)' },
  }),
  'Llama: rotary pairs apart, shared keys, a gate, RMSNorm frozen': polynomialForm(llama()),
  'Llama: rotary neighbours, tied': polynomialForm(llama({ interleaved: true, tied: true })),
  'Llama: rotary with biases': polynomialForm(llama(), {
    attention: { ...llama().attention, qkvBias: true, outBias: true },
  }),
  'BERT with an RMSNorm of embedded tokens': polynomialForm(bert, {
    normOverrides: { 'embedding.norm': { kind: 'frozen-rms' } },
  }),
  'GPT, batch, own head': polynomialForm(gpt, { ...everyNorm(gpt), head: { outputs: 11, bias: true } }),
};

const vitFrozen = models['ViT, mean pool, frozen']!;

/** What the ONNX path says of the token that matters, as the graph gives it. */
async function expected(config: ModelConfig, weights: ReturnType<typeof livelyWeights>, input: Example) {
  const logits = await onnxLogits(config, weights, input, input.ids?.length);
  return config.task === 'language-model' ? logits.subarray(-config.head.outputs) : logits;
}

function lowered(
  config: ModelConfig,
  weights: ReturnType<typeof livelyWeights>,
  options: LowerOptions,
  input: Example,
) {
  const model = makePolynomialModel({ config, weights, card: { name: 'test' } }, options);
  const real = input.mask ? input.mask.reduce((a, b) => a + b, 0) : input.ids?.length;
  const given = input.images ? { image: input.images } : { ids: [...input.ids!].slice(0, real).map(Number) };
  return { model, logits: evaluate(model.graph, prepareInput(model, given)) };
}

describe('a lowered model gives the logits of the trained one', () => {
  for (const [name, config] of Object.entries(models)) {
    it(name, async () => {
      const weights = livelyWeights(config, 3);
      for (const seed of [4, 5]) {
        const input = example(config, seed, 6);
        const reference = await expected(config, weights, input);
        const { logits } = lowered(config, weights, { tokens: 6 }, input);
        expect(Math.max(...reference.map(Math.abs))).toBeGreaterThan(0.05);
        expect(relativeError(logits, reference)).toBeLessThan(1e-4);
      }
    });
  }

  it('a language model continues the token that the client or the owner chooses', async () => {
    const config = polynomialForm(gpt);
    const weights = livelyWeights(config, 3);
    const input = example(config, 9, 6);
    const every = await onnxLogits(config, weights, input, 6);
    const ids = [...input.ids!].map(Number);
    for (const position of [0, 3, 5]) {
      const row = every.subarray(position * 11, (position + 1) * 11);
      const fixed = makePolynomialModel({ config, weights, card: { name: 'test' } }, { tokens: 6, position });
      expect(relativeError(evaluate(fixed.graph, prepareInput(fixed, { ids })), row)).toBeLessThan(1e-4);
      const { graph } = makePolynomialModel({ config, weights, card: { name: 'test' } }, { tokens: 6 });
      const prompt = prepareInput({ ...fixed, graph }, { ids: ids.slice(0, position + 1) });
      expect(relativeError(evaluate(graph, prompt), row)).toBeLessThan(1e-4);
    }
  });
});

/** 1/sqrt to about 1e-9 over every variance the little models have, so that the rest of the lowering is what is tested. */
const inverseRoot = inverseSqrtIteration([0.02, 40], 15, 5).program;
const layer = { kind: 'layer' } as const;
const normSites = (config: ModelConfig) =>
  [...Array.from({ length: config.layers }, (_, i) => [`layers.${i}.norm1`, `layers.${i}.norm2`]).flat(), 'norm'].map(
    (name) => [`${name}.variance`, inverseRoot] as const,
  );

const full: Record<string, { config: ModelConfig; extra?: string[]; centrings: number }> = {
  ViT: { config: polynomialForm(vit, { norm: layer }), centrings: 0 },
  'ViT, one norm frozen': {
    config: polynomialForm(vit, { norm: layer, normOverrides: { 'layers.1.norm1': { kind: 'frozen' } } }),
    centrings: 0,
  },
  'ViT, class token, MLP norm': {
    config: polynomialForm(vitClass, { norm: layer, mlp: { ...vit.mlp, norm: layer } }),
    extra: ['layers.0.mlp.norm.variance', 'layers.1.mlp.norm.variance'],
    centrings: 0,
  },
  // A final BatchNorm reads the stream's mean, so each LayerNorm centres for itself.
  'ViT, batch at the end': {
    config: polynomialForm(vit, { norm: layer, normOverrides: { norm: { kind: 'batch' } } }),
    centrings: 4,
  },
  'BERT, post-norm': { config: polynomialForm(bert, { norm: layer }), centrings: 0 },
  'BERT, post-norm, mean pool': { config: polynomialForm(bertMean, { norm: layer }), centrings: 0 },
  GPT: { config: polynomialForm(gpt, { norm: layer }), centrings: 0 },
  'GPT with RMSNorm': { config: polynomialForm(gpt, { norm: { kind: 'rms' } }), centrings: 0 },
};

describe('full normalisations through a program of 1/sqrt', () => {
  for (const [name, { config, extra, centrings }] of Object.entries(full)) {
    it(name, async () => {
      const weights = livelyWeights(config, 3);
      const programs = new Map([...normSites(config), ...(extra ?? []).map((site) => [site, inverseRoot] as const)]);
      const input = example(config, 4, 6);
      const reference = await expected(config, weights, input);
      const { model, logits } = lowered(config, weights, { tokens: 6, programs }, input);
      expect(relativeError(logits, reference)).toBeLessThan(1e-4);
      const centred = model.graph.nodes.filter(
        (node) => (node.op === 'linear' && node.name.endsWith('norm1.centred')) || node.name.endsWith('norm2.centred'),
      );
      expect(centred.length).toBe(centrings);
    });
  }
});

describe('programs given by site', () => {
  it('stand for what the configuration leaves as a function', () => {
    const gelu = polynomialForm(vit, { overrides: { 'layers.0.mlp.activation': 'gelu' } });
    const weights = livelyWeights(vitFrozen, 3);
    const { low, high, coefficients } = degree7;
    const polynomial = { op: 'polynomial', value: 0, coefficients } as const;
    // Half of the polynomial twice, as a program of two steps.
    const halves = { op: 'affine', terms: [0.5, 0.5].map((factor) => ({ value: 1, factor })), offset: 0 } as const;
    const program = { interval: [low, high], steps: [polynomial, halves] } as const;
    const input = example(vitFrozen, 4, 0);
    const reference = lowered(vitFrozen, weights, {}, input).logits;
    const given = lowered(gelu, weights, { programs: new Map([['layers.0.mlp.activation', program]]) }, input);
    // The configuration's coefficients are stored in float32.
    expect(relativeError(given.logits, reference)).toBeLessThan(1e-6);
  });

  it('carry 1/sqrt(L) in their last step, or leave it to the values', () => {
    const site = 'layers.0.attention.activation';
    const weights = livelyWeights(vitFrozen, 3);
    const { low, high, coefficients } = degree7;
    const interval = [low, high] as const;
    const polynomial = { op: 'polynomial', value: 0, coefficients } as const;
    const input = example(vitFrozen, 4, 0);
    const square = { op: 'square', value: 1 } as const;
    const viaAffine = {
      interval,
      steps: [polynomial, square, { op: 'affine', terms: [{ value: 2, factor: 1 }], offset: 0 }],
    } as const;
    const viaValues = { interval, steps: [polynomial, square] } as const;
    const logits = [viaAffine, viaValues].map(
      (program) => lowered(vitFrozen, weights, { programs: new Map([[site, program]]) }, input).logits,
    );
    expect(relativeError(logits[0]!, logits[1]!)).toBeLessThan(1e-6);
    expect(relativeError(logits[0]!, lowered(vitFrozen, weights, {}, input).logits)).toBeGreaterThan(1e-3);
  });
});

describe('levels of the model', () => {
  const layerLevels = (config: ModelConfig, options: LowerOptions = {}) =>
    modelLevels(lower(config, livelyWeights(config, 1), options)).parts.filter(({ name }) =>
      name.startsWith('layers.'),
    );

  it('a layer with polynomials of degree 7 is 12, whatever folds into it', () => {
    const folded = ['ViT, mean pool, frozen', 'ViT with affine maps, mapNorm and MLP norm', 'ViT, post-norm'];
    for (const name of [...folded, 'BERT, mean pool, batch, all norms', 'GPT, batch, own head']) {
      expect(layerLevels(models[name]!), name).toEqual([
        { name: 'layers.0', levels: 12 },
        { name: 'layers.1', levels: 12 },
      ]);
    }
  });

  it('rotary positions take one, a gate one', () => {
    const [rotary, plain] = ['rotary', 'none'].map((kind) => {
      const positions = (kind === 'none' ? { kind } : llama().positions) as ModelConfig['positions'];
      return layerLevels(polynomialForm(llama(), { positions })).map(({ levels }) => levels);
    });
    expect(plain).toEqual([13, 13]);
    expect(rotary).toEqual([14, 14]);
  });

  it('a parabola is one level', () => {
    expect(layerLevels(models['ViT with parabolas']!).map(({ levels }) => levels)).toEqual([8, 8]);
  });

  it('a full LayerNorm adds a square, its root and a product', () => {
    const { config } = full.ViT!;
    const { levels } = programCost(inverseRoot);
    expect(layerLevels(config, { programs: new Map(normSites(config)) })).toEqual([
      { name: 'layers.0', levels: 12 + 2 * (2 + levels) },
      { name: 'layers.1', levels: 12 + 2 * (2 + levels) },
    ]);
  });

  it('patches that the client embeds cost none', () => {
    const config = models['Swin, patches embedded and normalised by the client']!;
    const { parts } = modelLevels(lower(config, livelyWeights(config, 1)));
    expect(parts[0]).toEqual({ name: 'embedding', levels: 0 });
  });

  it('the whole of a ViT: patches, layers, head', () => {
    const { total, parts } = modelLevels(lower(models['ViT, mean pool, frozen']!, livelyWeights(vitFrozen, 1)));
    expect(parts.map(({ levels }) => levels)).toEqual([1, 12, 12, 1]);
    expect(total).toBe(26);
  });
});

describe('what cannot be lowered is named', () => {
  const weightsOf = (config: ModelConfig) => livelyWeights({ ...config, normOverrides: {} }, 1);
  const cases: [string, ModelConfig, LowerOptions, string][] = [
    ['softmax attention', parseModelConfig({ ...vit, norm: { kind: 'frozen' } }), {}, 'layers.0.attention'],
    ['GELU', polynomialForm(vit, { overrides: { 'layers.1.mlp.activation': 'gelu' } }), {}, 'layers.1.mlp.activation'],
    [
      'GELU on maps',
      polynomialForm(vit, { overrides: { 'layers.0.attention.activation': 'gelu' } }),
      {},
      'layers.0.attention.activation',
    ],
    ['LayerNorm without a program', polynomialForm(vit, { norm: layer }), {}, 'layers.0.norm1'],
    [
      'LayerNorm of maps',
      polynomialForm(vit, {
        attention: { ...vit.attention, mapNorm: batch },
        normOverrides: { 'layers.0.attention.map_norm': layer },
      }),
      {},
      'layers.0.attention.map_norm',
    ],
    [
      'rotary positions of scores by distance',
      polynomialForm(llama(), { attention: { ...llama().attention, similarity: 'distance' } }),
      {},
      'layers.0.attention',
    ],
    ['RMSNorm without a program', polynomialForm(llama(), { norm: { kind: 'rms' } }), {}, 'layers.0.norm1'],
  ];
  for (const [name, config, options, part] of cases) {
    it(name, () => {
      const weights = weightsOf(config);
      let error: unknown;
      try {
        lower(config, weights, options);
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(UnsupportedPartError);
      expect((error as UnsupportedPartError).part).toBe(part);
      expect((error as Error).message.length).toBeGreaterThan(part.length + 40);
    });
  }

  it('weights that are missing, of another size or not finite', () => {
    const weights = weightsOf(vitFrozen);
    const name = 'layers.1.mlp.up.weight';
    const good = weights.get(name)!;
    for (const bad of [
      undefined,
      { ...good, data: good.data.slice(1) },
      { ...good, data: good.data.map(() => Number.NaN) },
    ]) {
      const changed = new Map(weights);
      if (bad) changed.set(name, bad);
      else changed.delete(name);
      expect(() => lower(vitFrozen, changed)).toThrow(WeightError);
      expect(() => lower(vitFrozen, changed)).toThrow(name);
    }
  });

  it('lengths and positions outside the model', () => {
    const config = polynomialForm(gpt);
    const weights = weightsOf(config);
    expect(() => lower(config, weights, { tokens: 8 })).toThrow(/8 tokens are more than the model's 7/);
    expect(() => lower(config, weights, { tokens: 0 })).toThrow(ShapeError);
    expect(() => lower(config, weights, { position: 7 })).toThrow(/Position 7/);
  });
});
