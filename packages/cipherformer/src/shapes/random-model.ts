import { fit, inverseSqrtIteration, type Program } from '@cipherformer/approx';
import { UsageError } from '@cipherformer/base';
import {
  calibrate,
  type GraphInputs,
  type ModelInput,
  type PolynomialModel,
  prepareInput,
  recordValues,
  type StoredTensor,
} from '@cipherformer/model';
import { initialWeights, type LowerOptions, type ModelConfig, makePolynomialModel, Random } from '@cipherformer/nn';
import type { ModelShape } from './shapes.ts';

/** Random activations stay inside these; the model is refused where they do not. */
const activationInterval = [-8, 8] as const;
const varianceInterval = [0.25, 8] as const;

/**
 * A polynomial model of that shape with random weights: for plans and checks of programs, for which no trained model is
 * needed. Its numbers are spread as a trained model's: queries times keys, arguments of activations and logits have a
 * standard deviation near 1, and polynomials are fitted to GELU and 1/sqrt(x). Bounds are all 1 until calibrated.
 * The same seed gives the same model.
 * @param follows the token that a language model's logits follow: the last one, or one that the client chooses
 */
export function randomModel(shape: ModelShape, seed: number, follows: 'last' | 'chosen' = 'last'): PolynomialModel {
  const { tokens, title } = shape;
  const config = converted(shape);
  const options: LowerOptions = {
    ...(tokens === undefined ? {} : { tokens }),
    ...(config.task === 'language-model' && follows === 'last' ? { position: tokens! - 1 } : {}),
    programs: programsOf(config, shape),
  };
  const weights = spreadWeights(config, seed);
  const model = makePolynomialModel({ config, weights, card: { name: `${title}, random weights` } }, options);
  const nodes = model.graph.nodes.map((node) => ({ ...node, bound: 1 }));
  return { ...model, graph: { ...model.graph, nodes } };
}

/** A random input, ready for the graph. */
export function randomInput(model: PolynomialModel, seed: number): GraphInputs {
  return prepareInput(model, randomQuestion(model, seed));
}

/** A random input as a person gives it: normal pixels, or tokens of the vocabulary. */
export function randomQuestion({ preprocess, graph }: PolynomialModel, seed: number): ModelInput {
  const random = Random.derive(seed, 'input');
  if (preprocess.kind === 'image') {
    const { channels, height, width } = preprocess.patches;
    return { image: Array.from({ length: channels * height * width }, () => random.normal()) };
  }
  const { rows } = preprocess.embedding.token;
  return { ids: Array.from({ length: graph.tokens }, () => random.integer(rows)) };
}

/**
 * The bytes of a random picture as smooth as a photograph, of a model's size: slow waves of each colour around the middle.
 * @throws UsageError for a model of texts
 */
export function randomPicture({ preprocess }: PolynomialModel, seed: number): number[] {
  if (preprocess.kind !== 'image') throw new UsageError('a picture is no input of a model of texts');
  const { channels, height, width } = preprocess.patches;
  const random = Random.derive(seed, 'picture');
  return Array.from({ length: channels }, () => {
    const waves = Array.from({ length: 4 }, () => Array.from({ length: 4 }, () => random.normal()));
    return Array.from({ length: height * width }, (_, i) => {
      const [x, y] = [(i % width) / width, Math.floor(i / width) / height];
      const sum = waves.reduce((all, [a, b, c, d]) => all + a! * Math.sin(4 * (b! * x + c! * y) + d!), 0);
      return Math.round(Math.min(255, Math.max(0, 128 + 32 * sum)));
    });
  }).flat();
}

/** With bounds from these inputs. @throws UsageError where a random value leaves a polynomial's interval: take another seed */
export function calibratedOn(model: PolynomialModel, inputs: readonly GraphInputs[]): PolynomialModel {
  for (const { name, low, high, interval } of recordValues(model.graph, inputs).sites)
    if (low < interval[0] || high > interval[1])
      throw new UsageError(
        `${name}: random values from ${low.toFixed(2)} to ${high.toFixed(2)} leave [${interval.join(', ')}]; take another --seed`,
      );
  return { ...model, graph: calibrate(model.graph, inputs, 1.5) };
}

/** What conversion makes of the configuration, before its functions are polynomials. */
function converted({ config, norms }: ModelShape): ModelConfig {
  return {
    ...config,
    attention: { ...config.attention, kind: 'pointwise', activation: 'gelu' },
    norm:
      norms === 'folded' ? { ...config.norm, kind: config.norm.kind === 'rms' ? 'frozen-rms' : 'frozen' } : config.norm,
  };
}

function programsOf(config: ModelConfig, { mapDegree, activationDegree, norms }: ModelShape): Map<string, Program> {
  const gelu = (degree: number): Program => {
    const { coefficients } = fit({ fn: 'gelu', interval: activationInterval, degree }).polynomial!;
    return { interval: activationInterval, steps: [{ op: 'polynomial', value: 0, coefficients }] };
  };
  const [maps, activation] = [gelu(mapDegree), gelu(activationDegree)];
  // A start of degree 7 and one step: relative error 1e-3 in five levels.
  const inverse = norms === 'full' ? inverseSqrtIteration(varianceInterval, 7, 1).program : undefined;
  const programs = new Map<string, Program>(config.head.hidden ? [['head.activation', activation]] : []);
  for (let layer = 0; layer < config.layers; layer++) {
    programs.set(`layers.${layer}.attention.activation`, maps);
    programs.set(`layers.${layer}.mlp.activation`, activation);
    if (inverse) for (const norm of ['norm1', 'norm2']) programs.set(`layers.${layer}.${norm}.variance`, inverse);
  }
  if (inverse && config.finalNorm) programs.set('norm.variance', inverse);
  return programs;
}

/**
 * Matrices of variance 1 / columns, so that maps keep the spread of what they read; tables of embeddings of variance 1/2. What
 * is added to the stream is divided by sqrt(2 layers), as GPT-2's (Radford et al., 2019), so that it does not grow with depth.
 */
function spreadWeights(config: ModelConfig, seed: number): Map<string, StoredTensor> {
  const weights = initialWeights(config, seed);
  for (const [name, { shape, data }] of weights) {
    const [rows, columns] = shape;
    if (rows === undefined || columns === undefined) continue;
    const table = /^embedding\.(token|position)\./.test(name);
    const added = /\.(attention\.out|mlp\.down)\.weight$/.test(name) ? 2 * config.layers : 1;
    const size = Math.sqrt(table ? 1 / 2 : 1 / (data.length / rows) / added);
    const random = Random.derive(seed, name);
    weights.set(name, { shape, data: data.map(() => size * random.normal()) });
  }
  return weights;
}
