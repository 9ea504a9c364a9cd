import { join } from 'node:path';
import { ConfigError, DataError, encodeTexts, huggingFaceTokenizer, type Tokenizer } from '@cipherformer/model';
import type { Feeds } from '../onnx/session.ts';
import { Random } from '../random.ts';
import { linePieces, trainByteBpe } from '../text/bpe.ts';
import { characterTokenizer } from '../text/characters.ts';
import { trimWordPiece, wordPieceFiles } from '../text/word-piece.ts';
import { loadTokenizer, readWordPieceEntries } from '../text/tokenizer-folder.ts';
import type { DataConfig } from './config.ts';
import { type Augmentation, augmentImage, noAugmentation, symmetricBeta } from './augment.ts';
import { readCorpus } from './corpus.ts';
import { imageSize, type ImageSet, readCifar10, readMnist, sliceImages } from './images.ts';
import { BucketOrder, EpochOrder } from './order.ts';
import { type EncodedTexts, type EvaluationSet, fillTokens, imageEvaluation, textEvaluation } from './sets.ts';
import { readTexts, type TextSet } from './texts.ts';

export type SplitName = 'train' | 'validation' | 'test';

/** A task's data: batches to train on, by step, and sets to evaluate on. */
export interface TaskData {
  /** Classes of a classifier, entries of a language model's vocabulary. */
  readonly outputs: number;
  readonly trainExamples: number;
  readonly stepsPerEpoch: number;
  readonly image?: { readonly channels: number; readonly height: number; readonly width: number };
  readonly tokens?: number;
  readonly tokenizer?: Tokenizer;
  /** The inputs and targets of one training step; the arrays are reused by the next call. */
  feeds(step: number, draw?: Draw): Feeds;
  /** A set to evaluate on; language sets hold what `tokens` windows are cut from. */
  evaluation(split: SplitName): EvaluationSet;
}

/** How training batches are to differ from those that are due. */
export interface Draw {
  /** Other examples; classifiers only, windows of a corpus have no numbers. */
  readonly exchange?: Exchange;
  /** Random tokens; texts only. */
  readonly noise?: TokenNoise;
}

/** The training examples to take for those that are due at a step: as many, in the same places. */
export type Exchange = (examples: ArrayLike<number>, step: number) => readonly number[];

/** In a share of the examples of every batch, a share of the tokens becomes any token of the vocabulary. */
export interface TokenNoise {
  readonly examples: number;
  readonly tokens: number;
}

const dueExamples: Exchange = (examples) => Array.from(examples);

export interface LoadOptions {
  /** The folder the recipe's paths start from. */
  readonly root: string;
  readonly batch: number;
  readonly seed: number;
  readonly labelSmoothing: number;
  /** A tokenizer already trained (a model being evaluated or resumed) instead of the recipe's way to one. */
  readonly tokenizer?: Tokenizer;
}

export async function loadTask(config: DataConfig, options: LoadOptions): Promise<TaskData> {
  switch (config.kind) {
    case 'mnist':
    case 'cifar10':
      return imageTask(config, options);
    case 'texts':
      return textTask(config, options);
    case 'corpus':
      return corpusTask(config, options);
  }
}

/** Of both image sets that are read. */
const imageClasses = 10;

function readImages(config: DataConfig & { kind: 'mnist' | 'cifar10' }, root: string, part: 'train' | 'test'): ImageSet {
  if (config.kind === 'cifar10') return readCifar10(config[part].map((path) => join(root, path)));
  return readMnist(join(root, config[part].images), join(root, config[part].labels), imageClasses);
}

/** Images to be tested on, of the size of those trained on. */
function readTestImages(config: DataConfig & { kind: 'mnist' | 'cifar10' }, root: string, train: ImageSet): ImageSet {
  const test = readImages(config, root, 'test');
  const size = ({ channels, height, width }: ImageSet) => `${channels} x ${height} x ${width}`;
  if (size(test) !== size(train))
    throw new DataError(`data.test holds images of ${size(test)}, data.train of ${size(train)}: give two parts of one data set.`);
  return test;
}

function imageTask(config: DataConfig & { kind: 'mnist' | 'cifar10' }, options: LoadOptions): TaskData {
  const all = readImages(config, options.root, 'train');
  const { normalise } = config;
  if (normalise.mean.length !== all.channels || normalise.deviation.length !== all.channels) {
    throw new ConfigError(`data.normalise needs ${all.channels} means and deviations, one a channel.`);
  }
  const held = all.count - config.validation;
  const kept = Math.min(held, config.limit ?? held);
  if (kept < options.batch) {
    throw new ConfigError(`${kept} of ${all.count} training images are left after validation and limit, fewer than a batch.`);
  }
  const classes = imageClasses;
  const train = sliceImages(all, 0, kept);
  const order = new EpochOrder(kept, options.batch, options.seed);
  const augmentation: Augmentation = config.augment ?? noAugmentation;
  const size = imageSize(all);
  const images = new Float32Array(options.batch * size);
  const targets = new Float32Array(options.batch * classes);
  return {
    outputs: classes,
    trainExamples: kept,
    stepsPerEpoch: order.stepsPerEpoch,
    image: { channels: all.channels, height: all.height, width: all.width },
    feeds(step, { exchange = dueExamples } = {}) {
      const random = Random.derive(options.seed, 'augment', step);
      targets.fill(options.labelSmoothing / classes);
      exchange(order.examples(step), step).forEach((example, i) => {
        augmentImage(train, example, normalise, augmentation, random, images, i * size);
        targets[i * classes + train.labels[example]!]! += 1 - options.labelSmoothing;
      });
      if (augmentation.mixup > 0) mixPairs(random, augmentation.mixup, options.batch, images, targets);
      return { images, targets };
    },
    evaluation(split) {
      const set =
        split === 'test'
          ? readTestImages(config, options.root, all)
          : split === 'train'
            ? train
            : sliceImages(all, held, all.count);
      return imageEvaluation(set, normalise, classes);
    },
  };
}

/** Mixes example i with example batch - 1 - i, images and labels alike (in place, symmetric pairs). */
function mixPairs(random: Random, alpha: number, batch: number, images: Float32Array, targets: Float32Array): void {
  for (let i = 0; i < batch >> 1; i++) {
    const share = symmetricBeta(random, alpha);
    for (const array of [images, targets]) {
      const size = array.length / batch;
      const a = array.subarray(i * size, (i + 1) * size);
      const b = array.subarray((batch - 1 - i) * size, (batch - i) * size);
      for (let j = 0; j < size; j++) {
        const x = a[j]!;
        const y = b[j]!;
        a[j] = share * x + (1 - share) * y;
        b[j] = share * y + (1 - share) * x;
      }
    }
  }
}

function makeTokenizer(
  config: (DataConfig & { kind: 'texts' | 'corpus' })['tokenizer'],
  options: LoadOptions,
  texts: readonly string[],
): Tokenizer {
  if (options.tokenizer) return options.tokenizer;
  switch (config.kind) {
    case 'folder':
      return loadTokenizer(join(options.root, config.path));
    case 'characters':
      return characterTokenizer(texts);
    case 'train-bpe':
      return huggingFaceTokenizer(trainByteBpe(texts, config.size, config.specials));
    case 'wordpiece': {
      const entries = readWordPieceEntries(join(options.root, config.vocabulary));
      return huggingFaceTokenizer(wordPieceFiles(config.minimum > 0 ? trimWordPiece(entries, texts, config.minimum) : entries));
    }
  }
}

async function textTask(config: DataConfig & { kind: 'texts' }, options: LoadOptions): Promise<TaskData> {
  const classes = config.classes.length;
  const read = (path: string) => readTexts(join(options.root, path), config.columns, classes);
  const all = await read(config.train);
  const held = typeof config.validation === 'number' ? config.validation : 0;
  const available = all.texts.length - held;
  const kept = Math.min(available, config.limit ?? available);
  const tokenizer = makeTokenizer(config.tokenizer, options, all.texts.slice(0, available));
  const encode = (set: TextSet): EncodedTexts => ({
    ids: encodeTexts(set.texts, tokenizer, config.tokens),
    labels: set.labels,
  });
  const part = (from: number, to: number) => encode({ texts: all.texts.slice(from, to), labels: all.labels.slice(from, to) });
  const train = part(0, kept);
  const validation =
    typeof config.validation === 'number'
      ? part(available, all.texts.length)
      : encode(await read(config.validation));
  const test = encode(await read(config.test));
  const padding = tokenizer.id('[PAD]') ?? 0;
  const unknown = tokenizer.id('[UNK]') ?? padding;
  const shorter = config.buckets.filter((size) => size < config.tokens);
  const order = new BucketOrder(
    train.ids.map((example) => example.length),
    [...shorter, config.tokens],
    options.batch,
    options.seed,
  );
  const arrays = new Map(
    [...shorter, config.tokens].map((tokens) => [
      tokens,
      { ids: new BigInt64Array(options.batch * tokens), mask: new Float32Array(options.batch * tokens) },
    ]),
  );
  const targets = new Float32Array(options.batch * classes);
  return {
    outputs: classes,
    trainExamples: kept,
    stepsPerEpoch: order.stepsPerEpoch,
    tokens: config.tokens,
    tokenizer,
    feeds(step, { exchange = dueExamples, noise } = {}) {
      const random = Random.derive(options.seed, 'augment', step);
      const other = tokenNoise(noise, tokenizer.size, options, step);
      const { examples, tokens } = order.step(step);
      const { ids, mask } = arrays.get(tokens)!;
      targets.fill(options.labelSmoothing / classes);
      exchange(examples, step).forEach((example, i) => {
        const known = train.ids[example]!;
        // The first and last tokens are marks and stay.
        const inner = (t: number) => t > 0 && t < known.length - 1;
        const seen = known.map((id, t) => {
          if (!inner(t)) return id;
          return random.uniform() < config.tokenDropout ? unknown : (other(i) ?? id);
        });
        fillTokens(seen, tokens, padding, ids, mask, i * tokens);
        targets[i * classes + train.labels[example]!]! += 1 - options.labelSmoothing;
      });
      return { ids, mask, targets };
    },
    evaluation: (split) =>
      textEvaluation({ train, validation, test }[split], config.tokens, padding, classes),
  };
}

function corpusTask(config: DataConfig & { kind: 'corpus' }, options: LoadOptions): TaskData {
  const corpus = readCorpus(
    config.files.map((file) => join(options.root, file)),
    config.split,
  );
  const tokenizer = makeTokenizer(config.tokenizer, options, corpus.train);
  const encode = (texts: readonly string[]) => texts.map((text) => encodeLong(text, tokenizer));
  const { tokens, limit } = config;
  const train = encode(corpus.train);
  // A limit takes the same number of windows from the beginning of every file; calibration and evaluation see all.
  const most = limit ? Math.ceil(limit / train.length) * tokens : Number.POSITIVE_INFINITY;
  const usable = train.map((stream) => Math.min(most, Math.max(0, stream.length - tokens)));
  const total = usable.reduce((a, b) => a + b, 0);
  if (total === 0) throw new DataError(`The training part of ${config.files.join(', ')} is shorter than one window of ${tokens} tokens.`);
  const ids = new BigInt64Array(options.batch * tokens);
  const targets = new BigInt64Array(options.batch * tokens);
  return {
    outputs: tokenizer.size,
    trainExamples: Math.floor(total / tokens),
    // An epoch is as many windows as the text has without overlap; where they begin is random.
    stepsPerEpoch: Math.max(1, Math.floor(total / (tokens * options.batch))),
    tokens,
    tokenizer,
    feeds(step, { noise } = {}) {
      const random = Random.derive(options.seed, 'windows', step);
      const other = tokenNoise(noise, tokenizer.size, options, step);
      for (let i = 0; i < options.batch; i++) {
        let start = random.integer(total);
        let stream = 0;
        while (start >= usable[stream]!) start -= usable[stream++]!;
        const source = train[stream]!;
        for (let t = 0; t < tokens; t++) {
          ids[i * tokens + t] = BigInt(other(i) ?? source[start + t]!);
          targets[i * tokens + t] = BigInt(source[start + t + 1]!);
        }
      }
      return { ids, targets };
    },
    evaluation(split) {
      const texts = corpus[split];
      const streams = split === 'train' ? train : encode(texts);
      if (!streams.some(({ length }) => length > 1))
        throw new DataError(`The ${split} part of ${config.files.join(', ')} has no token to predict: give it a larger share in data.split.`);
      return {
        kind: 'language',
        streams,
        characters: texts.reduce((sum, text) => sum + text.length, 0),
        words: texts.reduce((sum, text) => sum + text.split(/\s+/).filter(Boolean).length, 0),
      };
    },
  };
}

/** For the next token of example i of a batch: the token to take instead, or none. */
function tokenNoise(
  noise: TokenNoise | undefined,
  vocabulary: number,
  { seed, batch }: LoadOptions,
  step: number,
): (example: number) => number | undefined {
  if (!noise) return () => undefined;
  const random = Random.derive(seed, 'noise', step);
  const noisy = Math.round(noise.examples * batch);
  return (example) => (example < noisy && random.uniform() < noise.tokens ? random.integer(vocabulary) : undefined);
}

/** Encodes a long text line by line. */
export function encodeLong(text: string, tokenizer: Tokenizer): Int32Array {
  return Int32Array.from(linePieces(text).flatMap((piece) => tokenizer.encode(piece)));
}
