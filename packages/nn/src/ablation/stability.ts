import type { OnProgress, Progress } from '@cipherformer/base';
import { ConfigError } from '@cipherformer/model';
import { problems } from '@cipherformer/model/untrusted';
import { z } from 'zod';
import { type Converted, pointwiseAttention } from '../convert/substitution/architecture.ts';
import { conversionLosses } from '../convert/training/losses.ts';
import { batches } from '../data/batches.ts';
import { dataSchema, drawingOf, recipeName } from '../data/config.ts';
import type { ImageDataSet } from '../data/dataset.ts';
import * as datasets from '../data/datasets.ts';
import { DivergenceError } from '../errors.ts';
import { InferenceModel } from '../evaluate/inference.ts';
import { createValidator } from '../evaluate/validator.ts';
import * as ops from '../ops/index.ts';
import { runTraining } from '../train/loop.ts';
import { trainingSchema } from '../train/recipe.ts';
import { scheduleOf } from '../train/schedule.ts';
import { TrainingStep } from '../train/step.ts';
import { vitConfig } from '../transformer/presets.ts';
import { initialWeights } from '../transformer/weights.ts';

const size = z.int().positive();

/** What keeps a vision transformer trained from scratch in bounds: the same training at several depths, with one thing varied. */
const stabilitySchema = z.strictObject({
  $schema: z.string().optional(),
  name: recipeName,
  description: z.string().default(''),
  data: dataSchema,
  model: z.strictObject({
    ...{ width: size, heads: size, mlpWidth: size, patch: size },
    stride: size.optional(),
    padding: z.int().min(0).default(0),
  }),
  depths: z.array(size.max(96)).min(1),
  variants: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        /** softmax, or GELU of each score alone with this factor on the maps. */
        attention: z.enum(['softmax', 'none', '1/L', '1/sqrt(L)']),
        /** Weight of the range loss: what leaves [-limit, limit] before an activation. */
        range: z.number().min(0).default(0),
        limit: z.number().positive().default(4),
      }),
    )
    .min(1),
  training: trainingSchema,
  /** Steps between measurements. */
  every: size,
  /** Training images that are measured on. */
  examples: size.default(64),
});
export type StabilityRecipe = z.infer<typeof stabilitySchema>;
export type StabilityVariant = StabilityRecipe['variants'][number];

/** @throws ConfigError naming the entry that is wrong */
export function parseStability(value: unknown, where: string): StabilityRecipe {
  const result = stabilitySchema.safeParse(value);
  if (!result.success)
    throw new ConfigError(`${where} is not a valid stability recipe:\n${problems(result.error, value)}`);
  return result.data;
}

/** Of a model on its way. */
export interface StabilityPoint {
  readonly step: number;
  /** Mean since the point before. */
  readonly loss: number;
  readonly weight: number;
  /** Largest absolute value before an activation, or of a score before softmax. */
  readonly activation: number;
  /** Largest variance that a normalisation divides by the root of. */
  readonly variance: number;
}

export interface StabilityCell {
  readonly variant: string;
  readonly depth: number;
  readonly points: readonly StabilityPoint[];
  /** On validation images at the end; absent where the training diverged. */
  readonly accuracy?: number;
  /** Where a loss or a gradient was no finite number. */
  readonly diverged?: number;
}

/** Of which cell, in `what`; `done` and `total` count steps. */
export interface StabilityProgress extends Progress {
  readonly loss: number;
}

export interface StabilityOptions {
  readonly dataRoot: string;
  readonly threads?: number;
  /** Cells there are already. */
  readonly known?: readonly StabilityCell[];
  readonly onCell?: (cell: StabilityCell) => void;
  readonly progress?: OnProgress<StabilityProgress>;
  /** Aborting throws the signal's reason; the cell under way begins again. */
  readonly signal?: AbortSignal;
}

/**
 * Trains a model of each depth with each variant, one after the other, and watches its weights, activations and variances.
 * @throws ConfigError for data that is no images; the signal's reason when it is aborted
 */
export async function runStability(recipe: StabilityRecipe, options: StabilityOptions): Promise<StabilityCell[]> {
  const data = await datasets.load(recipe.data, { root: options.dataRoot });
  if (data.task !== 'image-classification') throw new ConfigError('Stability is looked at on images: name some.');
  const cells: StabilityCell[] = [];
  for (const depth of recipe.depths)
    for (const variant of recipe.variants) {
      const known = options.known?.find((cell) => cell.variant === variant.name && cell.depth === depth);
      const cell = known ?? (await runCell(recipe, variant, depth, data, options));
      cells.push(cell);
      if (!known) options.onCell?.(cell);
    }
  return cells;
}

/** A model of this depth before its training. */
function modelOf(
  recipe: StabilityRecipe,
  { attention }: StabilityVariant,
  depth: number,
  data: ImageDataSet,
): Converted {
  const { stride, ...sizes } = recipe.model;
  const shape = { image: data.image, classes: data.outputs, layers: depth, pool: 'mean' } as const;
  const config = vitConfig({ ...sizes, ...shape, ...(stride ? { stride } : {}) });
  const plain = { config, weights: initialWeights(config, recipe.training.seed) };
  if (attention === 'softmax') return plain;
  return pointwiseAttention(plain, { activation: 'gelu', affine: false, scaling: attention });
}

async function runCell(
  recipe: StabilityRecipe,
  variant: StabilityVariant,
  depth: number,
  data: ImageDataSet,
  { threads = 1, progress, signal }: StabilityOptions,
): Promise<StabilityCell> {
  const { training } = recipe;
  const { batch, seed, labelSmoothing } = training;
  const { config, weights } = modelOf(recipe, variant, depth, data);
  const drawn = batches(data, { batch, seed, labelSmoothing, ...drawingOf(recipe.data) });
  const limits = variant.range > 0 ? [{ pattern: '*.activation', low: -variant.limit, high: variant.limit }] : [];
  const losses = conversionLosses(config, { features: false, range: { form: 'square', limits }, variance: [], labelSmoothing }); // biome-ignore format: one call
  const step = await TrainingStep.create({ config, batch, losses, optimiser: training, seed, threads }, weights);
  const watch = await Watch.create({ config, weights }, data, Math.min(recipe.examples, data.train.count), threads);
  const points: StabilityPoint[] = [];
  const schedule = scheduleOf(training, drawn);
  const what = `${depth} layers, ${variant.name}`;
  try {
    await runTraining({
      step,
      schedule,
      feeds: (at) => drawn.feeds(at),
      lossWeights: () => ({ task: 1, range: variant.range }),
      windowEnds: (now) => now % recipe.every === 0,
      async onWindow({ step: now, loss }) {
        points.push({ step: now, loss, ...(await watch.look(step.weights())) });
        progress?.({ what, done: now, total: schedule.total, loss });
      },
      ...(signal ? { signal } : {}),
    });
    const validator = await createValidator(config, weights, data.validation, threads);
    const { accuracy } = await validator.run(step.weights()).finally(() => validator.close());
    return { variant: variant.name, depth, points, accuracy: accuracy! };
  } catch (error) {
    if (!(error instanceof DivergenceError)) throw error;
    return { variant: variant.name, depth, points, diverged: error.step };
  } finally {
    await step.close();
    await watch.close();
  }
}

/** A model compiled once to look at the extremes of its sites with any weights. */
class Watch {
  readonly #model: InferenceModel;
  readonly #data: ImageDataSet;
  readonly #examples: number;

  private constructor(model: InferenceModel, data: ImageDataSet, examples: number) {
    this.#model = model;
    this.#data = data;
    this.#examples = examples;
  }

  static async create({ config, weights }: Converted, data: ImageDataSet, examples: number, threads: number) {
    const batch = Math.min(32, examples);
    const model = await InferenceModel.create(config, weights, {
      batch,
      threads,
      outputs({ sites }) {
        const largest = (variances: boolean) =>
          sites
            .filter(({ kind }) => (kind === 'norm-variance') === variances)
            .map(({ tensor }) => ops.max(ops.square(tensor)))
            .reduce((a, b) => ops.add(ops.relu(ops.sub(a, b)), b));
        return { activation: largest(false), variance: largest(true) };
      },
    });
    return new Watch(model, data, examples);
  }

  async look(weights: Converted['weights']): Promise<Pick<StabilityPoint, 'weight' | 'activation' | 'variance'>> {
    this.#model.load(weights);
    const { batch } = this.#model;
    const most = { activation: 0, variance: 0 };
    for (let start = 0; start + batch <= this.#examples; start += batch) {
      const results = await this.#model.run(this.#data.train.feeds(start, batch));
      for (const site of ['activation', 'variance'] as const)
        most[site] = Math.max(most[site], Math.sqrt(results[site]![0]!));
    }
    let weight = 0;
    for (const [name, { data }] of weights)
      if (!/running|denominator/.test(name)) for (const value of data) weight = Math.max(weight, Math.abs(value));
    return { weight, ...most };
  }

  close(): Promise<void> {
    return this.#model.close();
  }
}
