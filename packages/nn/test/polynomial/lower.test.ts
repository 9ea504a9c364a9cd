import { inverseSqrtIteration, search } from '@cipherformer/approx';
import { describe, expect, it } from 'vitest';
import { UnsupportedPartError, WeightError } from '../../src/errors.ts';
import { type ModelConfig, type ModelConfigInput, parseModelConfig } from '../../src/model/config.ts';
import { llamaConfig } from '../../src/model/presets.ts';
import type { LowerOptions } from '../../src/polynomial/index.ts';
import { evaluate, lower, makePolynomialModel, modelLevels, prepareInput } from '../../src/polynomial/index.ts';
import {
  bert,
  bertMean,
  type Example,
  example,
  gpt,
  livelyWeights,
  onnxLogits,
  polynomialForm,
  relativeError,
  vit,
  vitClass,
  vitOverlap,
} from './support.ts';

const batch = { kind: 'batch' } as const;
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
  'ViT, post-norm': polynomialForm(vit, { placement: 'post' }),
  'BERT, class pool, frozen, embedding LayerNorm': polynomialForm(bert, {
    normOverrides: { 'embedding.norm': { kind: 'layer' } },
  }),
  'BERT, mean pool, frozen everywhere': polynomialForm(bertMean),
  'BERT, mean pool, batch, all norms': polynomialForm(bertMean, everyNorm(bertMean)),
  'BERT with token types': polynomialForm(bert, {
    embedding: { ...bert.embedding, segments: 2 } as ModelConfig['embedding'],
  }),
  'GPT, tied head': polynomialForm(gpt),
  'GPT, batch, own head': polynomialForm(gpt, { ...everyNorm(gpt), head: { outputs: 11, bias: true } }),
};

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

/** Full normalisations have an approximated root: everything else being exact, the error is the polynomial's. */
const inverseRoot = () => inverseSqrtIteration([0.02, 12], { start: 15, steps: 4 } as never);

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
});
void [search, inverseRoot, UnsupportedPartError, WeightError, llamaConfig, lower, modelLevels];
