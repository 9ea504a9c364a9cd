import { z } from 'zod';
import { augmentSchema } from '../data/augment.ts';
import { ConfigError } from '../errors.ts';
import { problems, words } from '../foreign/index.ts';
import { normalisationSchema } from '../model/pixels.ts';

/**
 * A training recipe: what is trained on what, how, in one JSON file. Paths are relative to the data root the person
 * gives, so a recipe runs on any machine.
 */
const path = z.string().min(1);

const mnistFiles = z.strictObject({ images: path, labels: path });
/** Use the first so many training examples only (windows of a corpus); for short trials and ablations. */
const limit = z.int().positive().optional();
const columnsSchema = z.strictObject({ text: z.string(), label: z.string() }).default({ text: 'text', label: 'label' });

const tokenizerSchema = z.discriminatedUnion('kind', [
  /** A byte-level BPE trained on the training texts. */
  z.strictObject({ kind: z.literal('train-bpe'), size: z.int().min(257), specials: z.array(z.string()).default([]) }),
  /** A WordPiece vocabulary (vocab.txt), cut down to the entries that occur at least `minimum` times in training. */
  z.strictObject({ kind: z.literal('wordpiece'), vocabulary: path, minimum: z.int().min(0).default(0) }),
  /** Every character that occurs in the files is a token, numbered in sorted order. */
  z.strictObject({ kind: z.literal('characters') }),
  /** A folder with tokenizer files. */
  z.strictObject({ kind: z.literal('folder'), path }),
]);

export const dataSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('mnist'),
    train: mnistFiles,
    test: mnistFiles,
    /** The last so many training images are held out for selection. */
    validation: z.int().positive(),
    limit,
    normalise: normalisationSchema,
    augment: augmentSchema.optional(),
  }),
  z.strictObject({
    kind: z.literal('cifar10'),
    train: z.array(path).min(1),
    test: z.array(path).min(1),
    validation: z.int().positive(),
    limit,
    normalise: normalisationSchema,
    augment: augmentSchema.optional(),
  }),
  z.strictObject({
    kind: z.literal('texts'),
    train: path,
    /** A file, or the number of last training rows that are held out. */
    validation: z.union([path, z.int().positive()]),
    test: path,
    limit,
    columns: columnsSchema,
    classes: z.array(words).min(2),
    tokens: z.int().positive(),
    tokenizer: tokenizerSchema,
    /** Lengths that training batches are padded to, each to the shortest that fits; default `tokens` alone. */
    buckets: z.array(z.int().positive()).default([]),
    /** Probability that a training token is replaced by [UNK]. */
    tokenDropout: z.number().min(0).max(0.9).default(0),
  }),
  z.strictObject({
    kind: z.literal('corpus'),
    files: z.array(path).min(1),
    /** Shares of every file for training, validation and test, by position. */
    split: z.tuple([z.number(), z.number(), z.number()]),
    limit,
    tokens: z.int().positive(),
    tokenizer: tokenizerSchema,
  }),
]);
export type DataConfig = z.infer<typeof dataSchema>;

export const trainingSchema = z.strictObject({
  epochs: z.number().positive(),
  batch: z.int().positive(),
  learningRate: z.number().positive(),
  /** The rate the cosine ends at, as a share of learningRate. */
  finalRate: z.number().min(0).max(1).default(0.01),
  /** Share of all steps over which the rate rises from 0. */
  warmup: z.number().min(0).max(1).default(0.05),
  weightDecay: z.number().min(0).default(0.05),
  beta1: z.number().min(0).max(1).default(0.9),
  beta2: z.number().min(0).max(1).default(0.99),
  epsilon: z.number().positive().default(1e-8),
  clipNorm: z.number().positive().default(1),
  labelSmoothing: z.number().min(0).max(0.5).default(0),
  dropout: z.number().min(0).max(0.9).default(0),
  /** Decay of the moving average of the weights that is evaluated and kept; absent: the last weights. */
  averageDecay: z.number().min(0).max(1).optional(),
  /** Names, with * as wildcard, of parameters that stay as they are. */
  frozen: z.array(z.string()).default([]),
  /** Factors on the learning rate by name, first match wins. */
  rates: z.array(z.strictObject({ pattern: z.string(), rate: z.number().positive() })).default([]),
  /** Evaluate on validation data every so many epochs. */
  evaluateEvery: z.number().positive().default(1),
  seed: z.int().min(0).default(1),
});
export type TrainingConfig = z.infer<typeof trainingSchema>;

const sizes = {
  width: z.int().positive(),
  layers: z.int().positive(),
  heads: z.int().positive(),
  mlpWidth: z.int().positive(),
};

export const recipeModelSchema = z.union([
  z.strictObject({
    preset: z.literal('vit'),
    ...sizes,
    patch: z.int().positive(),
    stride: z.int().positive().optional(),
    padding: z.int().min(0).default(0),
    pool: z.enum(['class', 'mean']).default('mean'),
  }),
  z.strictObject({ preset: z.literal('bert'), ...sizes, pool: z.enum(['class', 'mean']).default('class') }),
  z.strictObject({ preset: z.literal('gpt'), ...sizes, tied: z.boolean().default(true) }),
  /** A whole model configuration, or a folder to start from (architecture and weights). */
  z.strictObject({ config: z.record(z.string(), z.unknown()) }),
  z.strictObject({ from: path }),
]);

export const recipeSchema = z.strictObject({
  $schema: z.string().optional(),
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'lower-case letters, digits and hyphens'),
  description: z.string().default(''),
  data: dataSchema,
  model: recipeModelSchema,
  training: trainingSchema,
});
export type Recipe = z.infer<typeof recipeSchema>;

export function parseRecipe(value: unknown, where: string): Recipe {
  const result = recipeSchema.safeParse(value);
  if (!result.success) throw new ConfigError(`${where} is not a valid recipe:\n${problems(result.error, value)}`);
  return result.data;
}

/** The data part of a recipe, or a file with the data part alone ({"data": ...}). */
export function parseData(value: unknown, where: string): DataConfig {
  const result = z.object({ data: dataSchema }).safeParse(value);
  if (!result.success) throw new ConfigError(`${where} describes no data set:\n${problems(result.error, value)}`);
  return result.data.data;
}
