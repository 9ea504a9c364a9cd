import { fit, inverseSqrtIteration, type Program } from '@cipherformer/approx';
import { UsageError } from '@cipherformer/base';
import {
  type GraphInputs,
  type ModelInput,
  type PolynomialModel,
  prepareInput,
  recordValues,
  type StoredTensor,
  withBounds,
} from '@cipherformer/model';
import { initialWeights, type LowerOptions, type ModelConfig, makePolynomialModel, Random } from '@cipherformer/nn';
import type { ModelShape } from './shapes.ts';

type Interval = readonly [number, number];

/** What most random activations and variances stay inside. */
const usualIntervals: Intervals = { activation: () => [-8, 8], variance: () => [0.25, 8] };
/** What none has left yet: the functions are coarse there, but do not run away. */
const wideIntervals: Intervals = { activation: () => [-32, 32], variance: () => [0.05, 64] };
/** Beyond the values that were seen, as a share of them: what one polynomial becomes moves what the next one sees. */
const margin = 1.3;
const mostFits = 4;

/** The interval of each site's polynomial. */
interface Intervals {
  activation(site: string): Interval;
  variance(site: string): Interval;
}

/**
 * A polynomial model of that shape with random weights: for plans and checks of programs, for which no trained model is
 * needed. Its numbers are spread as a trained model's: queries times keys, arguments of activations and logits have a
 * standard deviation near 1, and polynomials are fitted to GELU and 1/sqrt(x). Bounds are all 1 until calibrated.
 * The same seed gives the same model.
 * @param follows the token that a language model's logits follow: the last one, or one that the client chooses
 */
export function randomModel(shape: ModelShape, seed: number, follows: 'last' | 'chosen' = 'last'): PolynomialModel {
  return modelOn(usualIntervals, shape, seed, follows);
}

function modelOn(intervals: Intervals, shape: ModelShape, seed: number, follows: 'last' | 'chosen'): PolynomialModel {
  const { tokens, title } = shape;
  const config = converted(shape);
  const options: LowerOptions = {
    ...(tokens === undefined ? {} : { tokens }),
    ...(config.task === 'language-model' && follows === 'last' ? { position: tokens! - 1 } : {}),
    programs: programsOf(config, shape, intervals),
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

/**
 * The same, its polynomials fitted to the intervals that some inputs need, and its bounds calibrated on them. Degrees, and
 * so the plan, are those of `randomModel`.
 * @param inputsOf made for the model, whose preprocessing does not depend on intervals
 * @throws UsageError where values run away whatever the intervals
 */
export function calibratedModel(
  shape: ModelShape,
  seed: number,
  inputsOf: (model: PolynomialModel) => readonly GraphInputs[],
): PolynomialModel {
  let intervals = wideIntervals;
  for (let fits = 0; fits < mostFits; fits++) {
    const model = modelOn(intervals, shape, seed, 'last');
    const record = recordValues(model.graph, inputsOf(model));
    const inside = record.sites.every(({ low, high, interval: [from, to] }) => low >= from && high <= to);
    if (inside && fits > 0) return { ...model, graph: withBounds(model.graph, record, 1.5) };
    intervals = seenIntervals(new Map(record.sites.map(({ name, low, high }) => [name, [low, high]])));
  }
  throw new UsageError(`random values of ${shape.title} run away: take another seed`);
}

function seenIntervals(seen: ReadonlyMap<string, Interval>): Intervals {
  return {
    activation(site) {
      const [low, high] = seen.get(site)!;
      const reach = margin * Math.max(-low, high, 4);
      return [-reach, reach];
    },
    variance(site) {
      const [low, high] = seen.get(site)!;
      return [low / margin, high * margin];
    },
  };
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

function programsOf(
  config: ModelConfig,
  { mapDegree, activationDegree, norms }: ModelShape,
  intervals: Intervals,
): Map<string, Program> {
  const programs = new Map<string, Program>();
  const gelu = (site: string, degree: number): void => {
    const interval = intervals.activation(site);
    const { coefficients } = fit({ fn: 'gelu', interval, degree }).polynomial!;
    programs.set(site, { interval, steps: [{ op: 'polynomial', value: 0, coefficients }] });
  };
  // A start of degree 7 and one step: relative error 1e-3 in five levels on the usual interval.
  const inverse = (norm: string): void => {
    const { program } = inverseSqrtIteration(intervals.variance(`${norm}.inverse`), 7, 1);
    programs.set(`${norm}.variance`, program);
  };
  if (config.head.hidden) gelu('head.activation', activationDegree);
  for (let layer = 0; layer < config.layers; layer++) {
    gelu(`layers.${layer}.attention.activation`, mapDegree);
    gelu(`layers.${layer}.mlp.activation`, activationDegree);
    if (norms === 'full') for (const norm of ['norm1', 'norm2']) inverse(`layers.${layer}.${norm}`);
  }
  if (norms === 'full' && config.finalNorm) inverse('norm');
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
