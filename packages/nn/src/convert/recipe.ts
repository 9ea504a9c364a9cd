import { ConfigError } from '@cipherformer/model';
import { problems } from '@cipherformer/model/untrusted';
import { z } from 'zod';
import { augmentSchema } from '../data/augment.ts';
import { type DataConfig, dataSchema, recipeName } from '../data/config.ts';
import { activationSchema, normSchema } from '../transformer/config.ts';

/**
 * A conversion recipe: the data, and the stages that a trained model goes through, in order. A stage changes a part of
 * the model and then trains it; every stage and every term of a loss can be left out, which is how ablations are made.
 */
const pair = z.tuple([z.number(), z.number()]).refine(([low, high]) => low < high, 'low < high');

/** Limits beyond which values are penalised. Sites that are polynomials already keep to their intervals instead. */
const limitsSchema = z.strictObject({
  attention: pair.default([-4, 4]),
  mlp: pair.default([-4, 4]),
  head: pair.default([-4, 4]),
  /** Other limits for sites by name, * for any characters; first match wins. */
  sites: z.array(z.strictObject({ pattern: z.string(), low: z.number(), high: z.number() })).default([]),
  /** Variances are held within [mean / ratio, mean * ratio] of the mean at the start of the stage. */
  varianceRatio: z.number().gt(1).default(4),
});

/** Factors of the loss terms; 0 leaves a term out of the program. */
const lossesSchema = z.strictObject({
  task: z.number().min(0).default(0.1),
  distillation: z.number().min(0).default(0.9),
  temperature: z.number().positive().default(1),
  features: z.number().min(0).default(1),
  range: z.number().min(0).default(1),
  rangeForm: z.enum(['square', 'max', 'norm']).default('square'),
  variance: z.number().min(0).default(0),
  labelSmoothing: z.number().min(0).max(0.5).default(0),
});

/** Matrices of layers move by Muon (train/muon.ts) with this momentum; absent: by AdamW, as all else does. */
export const muonSchema = z.strictObject({ momentum: z.number().min(0).lt(1).default(0.95) });

export const stageTrainingSchema = z.strictObject({
  /** Passes over the training data; for changes made in parts, of each part. */
  epochs: z.number().positive(),
  learningRate: z.number().positive().default(1e-3),
  finalRate: z.number().min(0).max(1).default(0.02),
  warmup: z.number().min(0).max(1).default(0.05),
  weightDecay: z.number().min(0).default(0.01),
  beta1: z.number().min(0).max(1).default(0.9),
  beta2: z.number().min(0).max(1).default(0.99),
  epsilon: z.number().positive().default(1e-8),
  clipNorm: z.number().positive().default(1),
  muon: muonSchema.optional(),
  averageDecay: z.number().min(0).max(1).default(0.995),
  dropout: z.number().min(0).max(0.9).default(0),
  losses: lossesSchema.prefault({}),
  limits: limitsSchema.prefault({}),
  /** Arguments of functions that are not polynomials yet are clamped to their limits times this while training, and
   * frozen normalisations to 4 deviations times this, so that one example whose values grow from layer to layer does
   * not stop it. */
  clamp: z.number().min(1).optional(),
  /**
   * Takes `share` of every batch from the `pool` (a share of the training examples) that reaches furthest towards or beyond
   * its limits as the stage begins.
   */
  hard: z.strictObject({ pool: z.number().gt(0).max(1), share: z.number().gt(0).lt(1) }).optional(),
  /** In a share of the examples of every batch a share of the tokens becomes any token: texts that no training text is like. */
  noise: z.strictObject({ examples: z.number().gt(0).max(1), tokens: z.number().gt(0).max(1) }).optional(),
  /** Share of every batch that is made unlike any training example (data/odd.ts), the original as its only teacher. */
  odd: z.number().gt(0).lt(1).optional(),
  /** Share of the stage over which the range and variance terms rise from 0 to their weights. */
  ramp: z.number().min(0).max(1).default(0),
  /** Names of weights (with * as wildcard) that are left as they are: "embedding.*", which is the client's. */
  frozen: z.array(z.string()).default([]),
  /** Learning-rate factor of polynomial coefficients. */
  coefficientRate: z.number().min(0).default(0.1),
  /** Learning-rate factor of weights and offsets by distance: they start alike and have far to go. */
  distanceRate: z.number().min(0).default(10),
});
export type StageTraining = z.infer<typeof stageTrainingSchema>;

const attentionChange = z
  .strictObject({
    kind: z.literal('attention'),
    activation: activationSchema.default('gelu'),
    /** distance: minus half the squared distance of query and key in place of their product; costs two levels. */
    similarity: z.enum(['dot', 'distance']).default('dot'),
    affine: z.boolean().default(true),
    /** Factor on the maps; default 1/sqrt(L). */
    scaling: z.enum(['none', '1/L', '1/sqrt(L)', '1/sqrt(t+1)']).optional(),
    /** Learned weights (after the activation) and offsets (before it) by head and distance; causal attention only. */
    distanceWeights: z.boolean().default(false),
    distanceOffsets: z.boolean().default(false),
    /** Start with values divided so that rows of maps sum to 1 in the mean, as softmax's do. */
    balance: z.boolean().default(false),
    mapNorm: normSchema.optional(),
  })
  .refine(({ balance, similarity }) => !balance || similarity === 'dot', {
    error: 'balance knows what scores softmax had, not distances: leave it out, or take similarity "dot"',
    path: ['balance'],
  });

const normsChange = z.strictObject({
  kind: z.literal('freeze-norms'),
  /** one-by-one: from the input to the output, each followed by the stage's training. */
  order: z.enum(['one-by-one', 'all']).default('one-by-one'),
});

/** LayerNorms of the stream become BatchNorms, all at once: an ablation of frozen denominators. */
const batchNormsChange = z.strictObject({ kind: z.literal('batch-norms') });

const degreesSchema = z.array(z.int().min(1).max(63)).min(1);

const substituteChange = z.strictObject({
  kind: z.literal('substitute'),
  /** by-layer: from the input to the output, each layer followed by the stage's training. */
  order: z.enum(['all', 'by-layer']).default('all'),
  /** Degrees that may be chosen; with more than one, the search decides for each site. */
  attention: degreesSchema.default([2]),
  mlp: degreesSchema.default([2]),
  head: degreesSchema.default([3, 7]),
  /** Intervals are the values seen in calibration, times this. */
  margin: z.number().min(1).default(1.3),
  /** Share of calibration examples that are left out: the most unlike the others. One of them can make an interval useless. */
  spare: z.number().min(0).max(0.2).default(0),
  /** symmetric about 0 keeps GELU(x) - x/2 even; tight follows the values. */
  interval: z.enum(['symmetric', 'tight']).default('symmetric'),
  /** density: least squares over the observed inputs; minimax: the largest error. */
  fit: z.enum(['density', 'minimax']).default('density'),
  /** Widest interval allowed; a site beyond it stops the conversion (range minimisation fell short). */
  widest: z.number().positive().default(64),
  trainable: z.boolean().default(true),
  /** Validation loss (nats) that the search may give up for fewer levels. */
  tolerance: z.number().min(0).default(0.02),
});
export type SubstituteOptions = z.infer<typeof substituteChange>;

export const stageSchema = z.strictObject({
  name: recipeName,
  description: z.string().default(''),
  change: z.discriminatedUnion('kind', [attentionChange, normsChange, batchNormsChange, substituteChange]).optional(),
  train: stageTrainingSchema.optional(),
});
export type Stage = z.infer<typeof stageSchema>;

export const conversionSchema = z.strictObject({
  $schema: z.string().optional(),
  name: recipeName,
  description: z.string().default(''),
  /** Absent where the caller gives the examples; with both, how training draws from them: augmentation, buckets. */
  data: dataSchema.optional(),
  /** Random changes of pictures that the caller gives; where "data" names them it has its own. */
  augment: augmentSchema.optional(),
  batch: z.int().positive(),
  seed: z.int().min(0).default(1),
  /** Training examples (or windows) on which ranges and denominators are measured. */
  calibration: z.int().positive().default(1000),
  stages: z.array(stageSchema).min(1),
});
export type ConversionRecipe = z.infer<typeof conversionSchema>;
/** A recipe as it is written down: what is left out has its default. */
export type ConversionRecipeInput = z.input<typeof conversionSchema>;

/** The data that a recipe names. @throws ConfigError where it names none */
export function recipeData({ name, data }: ConversionRecipe): DataConfig {
  if (!data) throw new ConfigError(`The recipe ${name} names no data: give a data set, or a recipe with "data".`);
  return data;
}

/** @throws ConfigError naming the entry that is wrong */
export function parseConversion(value: unknown, where: string): ConversionRecipe {
  const result = conversionSchema.safeParse(value);
  if (!result.success) {
    throw new ConfigError(`${where} is not a valid conversion recipe:\n${problems(result.error, value)}`);
  }
  const names = result.data.stages.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new ConfigError(`${where}: two stages are named "${twice}"; rename one.`);
  return result.data;
}
