import { ConfigError, normalisationSchema } from '@cipherformer/model';
import { problems, words } from '@cipherformer/model/untrusted';
import { z } from 'zod';
import { tokenizerSchema } from '../text/tokenizers.ts';
import { type Augmentation, augmentSchema } from './augment.ts';

/** Paths are relative to the data root that the person gives. */
const path = z.string().min(1);

/** Of an image, in pixels. */
const side = z.int().positive().max(4096);
const mnistFiles = z.strictObject({ images: path, labels: path });
/** Use the first so many training examples only (windows of a corpus); for short trials and ablations. */
const limit = z.int().positive().optional();
const columnsSchema = z.strictObject({ text: z.string(), label: z.string() }).default({ text: 'text', label: 'label' });

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
    kind: z.enum(['cifar10', 'cifar100']),
    train: z.array(path).min(1),
    test: z.array(path).min(1),
    validation: z.int().positive(),
    limit,
    normalise: normalisationSchema,
    augment: augmentSchema.optional(),
  }),
  z.strictObject({
    kind: z.literal('pictures'),
    /** Parquet files with pictures, or folders of pictures by class. */
    train: z.array(path).min(1),
    test: z.array(path).min(1),
    /** A file with a class a line: its name, or a mark of its own, a tab and its name. Labels are marks, names or numbers of lines. */
    classes: path,
    /** Of every picture. */
    image: z.strictObject({ channels: z.union([z.literal(1), z.literal(3)]), height: side, width: side }),
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
  z.strictObject({
    kind: z.literal('self-written'),
    /** Texts to train on that the language model to be converted writes itself. */
    texts: z.int().positive(),
    /** Texts apart, to choose by and to measure on: so many each. */
    held: z.int().positive().default(256),
    limit,
    tokens: z.int().positive(),
    /** The token that every text begins with. Default: the tokenizer's own first mark. */
    beginning: z.int().min(0).optional(),
    temperature: z.number().positive().default(1),
    seed: z.int().min(0).default(1),
  }),
]);
export type SelfWrittenConfig = Extract<DataConfig, { kind: 'self-written' }>;
export type DataConfig = z.infer<typeof dataSchema>;

/** How training examples are changed and put together, besides their order. */
export interface Drawing {
  /** Random changes; images only. */
  readonly augmentation?: Augmentation;
  /** Probability that a token is replaced by [UNK]; texts only. */
  readonly tokenDropout?: number;
  /** Lengths that batches are padded to, each to the shortest that fits; texts only. Default: the longest alone. */
  readonly buckets?: readonly number[];
  /** Windows to take from the beginning of a corpus. Default: all. */
  readonly windows?: number;
}

/** What a recipe's data part says of training on it. */
export function drawingOf(config: DataConfig): Drawing {
  switch (config.kind) {
    case 'mnist':
    case 'cifar10':
    case 'cifar100':
    case 'pictures':
      return config.augment ? { augmentation: config.augment } : {};
    case 'texts':
      return { tokenDropout: config.tokenDropout, buckets: config.buckets };
    case 'corpus':
    case 'self-written':
      return config.limit === undefined ? {} : { windows: config.limit };
  }
}

/** The data part of a recipe, or a file with the data part alone ({"data": ...}). */
export function parseData(value: unknown, where: string): DataConfig {
  const result = z.object({ data: dataSchema }).safeParse(value);
  if (!result.success) throw new ConfigError(`${where} describes no data set:\n${problems(result.error, value)}`);
  return result.data.data;
}
