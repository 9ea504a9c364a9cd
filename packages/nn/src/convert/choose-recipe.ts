import type { PolynomialModel } from '@cipherformer/model';
import type { DataConfig } from '../data/config.ts';
import { checkSupported } from '../lower/supported.ts';
import type { ModelConfig } from '../transformer/config.ts';
import { type ConversionRecipe, parseConversion, type Stage } from './recipe.ts';
import { normNames } from './substitution/architecture.ts';

export interface ChooseOptions {
  /** Name of the recipe: lower-case letters, digits and hyphens. */
  readonly name: string;
  /** Training examples, or windows of a corpus. */
  readonly examples: number;
  /** Processor time that the conversion may take; more than a recipe can use is left. Default: what its kind needs. */
  readonly hours?: number;
  /** Seconds of one training step on this machine, for `hours`. */
  readonly secondsPerStep?: number;
  /** A first model within about two minutes: a tenth of the steps. */
  readonly quick?: boolean;
  readonly seed?: number;
}

/** A recipe for a model and data that nobody wrote one for, and why it is what it is. */
export interface ChosenRecipe {
  readonly recipe: ConversionRecipe;
  readonly steps: number;
  /** A sentence a choice. */
  readonly reasons: readonly string[];
}

/** What recipes of a kind have in common: the hand-made ones of recipes/convert, smoothed. */
interface Kind {
  /** Training steps of the whole conversion. Hand-made: MNIST 6,300, CIFAR-10 6,900 and 10,300, AG News 2,700, SST-2 3,900, books 4,500. */
  readonly steps: number;
  readonly batch: number;
  readonly rate: number;
  /** Shares of the steps: attention, norms (all together), range, polynomial, steady. */
  readonly shares: readonly [number, number, number, number, number];
}

const kinds: Readonly<Record<PolynomialModel['task'], Kind>> = {
  'image-classification': { steps: 7000, batch: 64, rate: 1e-3, shares: [0.07, 0.13, 0.05, 0.45, 0.3] },
  'text-classification': { steps: 3500, batch: 32, rate: 5e-4, shares: [0.1, 0.17, 0.1, 0.43, 0.2] },
  'token-classification': { steps: 3500, batch: 32, rate: 5e-4, shares: [0.1, 0.17, 0.1, 0.43, 0.2] },
  // As classifiers, with nothing but the original to learn from.
  'text-embedding': { steps: 7000, batch: 32, rate: 5e-4, shares: [0.12, 0.17, 0.08, 0.45, 0.18] },
  'language-model': { steps: 4600, batch: 16, rate: 1e-3, shares: [0.16, 0.17, 0.03, 0.48, 0.16] },
};

const quickShare = 0.1;
const fewestSteps = 100;
/** Share of every batch that is unlike any training example: one in eight, as hard examples in the hand-made recipes. */
const oddShare = 0.125;
/** Pictures are moved by this share of their width, and made larger or smaller by this, which leaves what they show what it is. */
const moved = { shift: 0.09, zoom: 0.1 };
/** More steps than this times the usual were never tried. */
const mostTimes = 3;

/**
 * The recipe for a model by its family, size, task, amount of data and the time allowed. Degree 2 everywhere, but for the
 * MLPs of language models, whose degrees are searched; in every stage an eighth of each batch is unlike any training example.
 * @param data undefined where the examples are given beside the recipe
 * @throws UnsupportedPartError naming a part of the model that has no polynomial form
 */
export function chooseRecipe(model: ModelConfig, data: DataConfig | undefined, options: ChooseOptions): ChosenRecipe {
  const kind = kinds[checkSupported(model)];
  const batch = batchFor(kind.batch, options.examples);
  const stepsPerEpoch = Math.max(1, Math.floor(options.examples / batch));
  const { steps, reason } = stepsFor(kind, options);
  // Wider models move further at the same rate (as in muP: by the square root, between none and all of it).
  const rate = Number((kind.rate * Math.min(1, Math.sqrt(128 / model.width))).toPrecision(2));
  const causal = model.task === 'language-model';
  const { embedding } = model;
  const augment =
    embedding.kind === 'patch' && !data
      ? { shift: Number((moved.shift * embedding.width).toPrecision(2)), zoom: moved.zoom }
      : undefined;
  const norms = Math.max(1, normNames(model).length);
  const clamp = 2;
  const [attention, frozen, range, polynomial, steady] = kind.shares.map((share) =>
    Number(((share * steps) / stepsPerEpoch).toPrecision(3)),
  ) as [number, number, number, number, number];
  const train = (epochs: number, more: NonNullable<StageInput['train']>) => ({
    epochs,
    learningRate: rate,
    clamp,
    odd: oddShare,
    ...more,
  });
  const stages: StageInput[] = [
    {
      name: 'attention',
      description: 'softmax to an activation of each score alone',
      change: {
        kind: 'attention',
        balance: true,
        ...(causal ? { scaling: '1/sqrt(t+1)', distanceWeights: true, distanceOffsets: true } : {}),
      },
      train: train(attention, { losses: { range: 5 } }),
    },
    {
      name: 'norms',
      description: 'LayerNorm to (x - mean) / R, one by one',
      change: { kind: 'freeze-norms' },
      train: train(Number((frozen / norms).toPrecision(3)), { losses: { range: 10 } }),
    },
    { name: 'range', description: 'values pulled into [-4, 4]', train: train(range, { losses: { range: 20 } }) },
    {
      name: 'polynomial',
      description: 'activations to polynomials, then fine-tuned',
      change: { kind: 'substitute', spare: 0.01, attention: [2], mlp: causal ? [3, 7] : [2] },
      train: train(polynomial, { losses: { range: 20, temperature: 2, features: 0.5 }, averageDecay: averaging(polynomial * stepsPerEpoch) }),
    },
    {
      name: 'steady',
      description: 'large weights on what leaves its range',
      train: train(steady, {
        learningRate: rate / 2,
        clamp: 1.5,
        averageDecay: averaging(steady * stepsPerEpoch),
        losses: { range: 0.5, rangeForm: 'norm', variance: 5, temperature: 2, features: 0.5 },
        limits: {
          varianceRatio: 3,
          sites: [
            { pattern: '*.attention.activation', low: -5, high: 5 },
            { pattern: '*.mlp.activation', low: -5, high: 5 },
          ],
        },
        ...(causal ? {} : { hard: { pool: Math.max(0.01, 8 / options.examples), share: 0.125 } }),
      }),
    },
  ]; // biome-ignore format: a stage's options
  const recipe = parseConversion(
    {
      name: options.name,
      description: `Chosen for ${model.layers} layers of width ${model.width} and ${options.examples} training examples.`,
      ...(data ? { data } : {}),
      ...(augment ? { augment } : {}),
      batch,
      seed: options.seed ?? 1,
      calibration: Math.min(1000, options.examples),
      stages,
    },
    'the chosen recipe',
  );
  return {
    recipe,
    steps,
    reasons: [
      reason,
      `batches of ${batch}: ${options.examples} training examples give ${stepsPerEpoch} steps an epoch`,
      `learning rate ${rate}: ${kind.rate} for ${model.task.replace('-', ' ')}${rate < kind.rate ? `, less for width ${model.width}` : ''}`,
      causal
        ? 'attention of degree 2 with learned weights by distance; MLPs of degree 3 or 7, each searched'
        : 'degree 2 at every activation: 8 levels a layer',
      ...(augment ? [`pictures moved by up to ${augment.shift} pixels, and scaled by up to ${augment.zoom}`] : []),
      'an eighth of every batch is unlike any training example: repeated, random, empty, longest, inverted',
    ],
  };
}

type StageInput = Omit<Partial<Stage>, 'change' | 'train'> & {
  readonly name: string;
  readonly change?: Readonly<Record<string, unknown>>;
  readonly train?: Readonly<Record<string, unknown>>;
};

/** At least eight batches in an epoch, where the examples allow: fewer say nothing of the rest. */
const batchFor = (usual: number, examples: number): number =>
  Math.max(1, Math.min(usual, 2 ** Math.floor(Math.log2(Math.max(1, examples / 8)))));

/** Averages over about a twelfth of a stage, at most 500 steps. */
const averaging = (steps: number): number => Number((1 - 1 / Math.min(500, Math.max(10, steps / 12))).toPrecision(4));

function stepsFor({ steps: usual }: Kind, { hours, secondsPerStep, quick }: ChooseOptions) {
  if (hours !== undefined && secondsPerStep !== undefined) {
    const allowed = Math.floor((3600 * hours) / secondsPerStep);
    const steps = Math.max(fewestSteps, Math.min(allowed, mostTimes * usual));
    const why =
      allowed < fewestSteps
        ? `${hours} h are enough for ${allowed} steps only; fewer than ${fewestSteps} are too few for all stages`
        : allowed > steps
          ? `${hours} h would allow ${allowed} steps; more than ${steps} were never tried`
          : `what ${hours} h allow here`;
    return { steps, reason: `${steps} steps: ${why} (usual: ${usual})` };
  }
  const steps = quick ? Math.round(usual * quickShare) : usual;
  return {
    steps,
    reason: quick
      ? `${steps} steps: a first model; ${usual} are usual`
      : `${steps} steps, as the recipes of its kind have`,
  };
}
