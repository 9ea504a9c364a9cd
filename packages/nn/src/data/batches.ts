import { ConfigError, DataError } from '@cipherformer/model';
import type { Feeds } from '../onnx/session.ts';
import { Random } from '../random.ts';
import { augmentImage, noAugmentation, symmetricBeta } from './augment.ts';
import type { Drawing } from './config.ts';
import type { CorpusDataSet, DataSet, ImageDataSet, TextDataSet } from './dataset.ts';
import { imageSize } from './images.ts';
import { makeImageOdd, marksOf, oddImageForms, oddText, oddTextForms, oddWindow, oddWindowForms } from './odd.ts';
import { BucketOrder, EpochOrder } from './order.ts';
import { fillTokens } from './splits.ts';

export interface BatchOptions extends Drawing {
  /** Examples of a batch. */
  readonly batch: number;
  /** What order, augmentation and noise are drawn from: the same seed gives the same bytes. */
  readonly seed: number;
  /** Share of a target that goes to all classes alike; classifiers only. Default 0. */
  readonly labelSmoothing?: number;
}

/** The training part of a data set as batches, by step. */
export interface Batches {
  /** Training examples; of a corpus, windows without overlap. */
  readonly examples: number;
  readonly stepsPerEpoch: number;
  /**
   * Inputs and targets of a step, which depend on the seed and the step alone; the arrays are reused by the next call.
   * Images [batch, channels, height, width] or ids and mask [batch, tokens] with targets [batch, classes]; of a corpus,
   * ids and targets [batch, tokens].
   */
  feeds(step: number, draw?: Draw): Feeds;
}

/** How batches are to differ from those that are due. */
export interface Draw {
  /** Other examples; classifiers only, windows of a corpus have no numbers. */
  readonly exchange?: Exchange;
  /** Random tokens; texts only. */
  readonly noise?: TokenNoise;
  /** Share of every batch that is made odd (odd.ts); classifiers are told nothing of its labels, the teacher is asked. */
  readonly odd?: number;
}

/** The training examples to take for those that are due at a step: as many, in the same places. */
export type Exchange = (examples: ArrayLike<number>, step: number) => readonly number[];

/** In a share of the examples of every batch, a share of the tokens becomes any token of the vocabulary. */
export interface TokenNoise {
  readonly examples: number;
  readonly tokens: number;
}

const dueExamples: Exchange = (examples) => Array.from(examples);

/**
 * Batches to train on.
 * @throws ConfigError where the training part does not fill one
 * @throws DataError where no text of a corpus is as long as a window
 */
export function batches(data: DataSet, options: BatchOptions): Batches {
  switch (data.task) {
    case 'image-classification':
      return imageBatches(data, options);
    case 'text-classification':
      return textBatches(data, options);
    case 'language-model':
      return corpusBatches(data, options);
  }
}

function imageBatches({ train, normalise }: ImageDataSet, options: BatchOptions): Batches {
  const { batch, seed, augmentation = noAugmentation } = options;
  const { classes, count } = train;
  const order = new EpochOrder(count, batch, seed);
  checkFilled(order, count, batch);
  const size = imageSize(train.images);
  const images = new Float32Array(batch * size);
  const targets = new Float32Array(batch * classes);
  return {
    examples: count,
    stepsPerEpoch: order.stepsPerEpoch,
    feeds(step, { exchange = dueExamples, odd } = {}) {
      const random = Random.derive(seed, 'augment', step);
      const examples = exchange(order.examples(step), step);
      examples.forEach((example, i) => {
        augmentImage(train.images, example, normalise, augmentation, random, images, i * size);
      });
      setTargets(targets, examples.map(train.label), options.labelSmoothing);
      if (augmentation.mixup > 0) mixPairs(random, augmentation.mixup, batch, images, targets);
      const chosen = oddOnes(odd, options, step);
      for (let i = 0; i < chosen.count; i++) {
        const image = images.subarray(i * size, (i + 1) * size);
        makeImageOdd(image, chosen.form(oddImageForms), train.images, normalise, chosen.random);
      }
      targets.fill(0, 0, chosen.count * classes);
      return { images, targets };
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

function textBatches({ train, padding, tokenizer }: TextDataSet, options: BatchOptions): Batches {
  const { batch, seed, tokenDropout = 0, buckets = [] } = options;
  const { classes, count, texts } = train;
  const unknown = tokenizer.id('[UNK]') ?? padding;
  const lengths = [...buckets.filter((size) => size < train.tokens), train.tokens];
  const order = new BucketOrder(texts.ids.map(({ length }) => length), lengths, batch, seed); // biome-ignore format: one call
  checkFilled(order, count, batch);
  const arrays = new Map(
    lengths.map((tokens) => [
      tokens,
      { ids: new BigInt64Array(batch * tokens), mask: new Float32Array(batch * tokens) },
    ]),
  );
  const targets = new Float32Array(batch * classes);
  const marks = marksOf(texts.ids);
  return {
    examples: count,
    stepsPerEpoch: order.stepsPerEpoch,
    feeds(step, { exchange = dueExamples, noise, odd } = {}) {
      const random = Random.derive(seed, 'augment', step);
      const other = tokenNoise(noise, tokenizer.size, options, step);
      const chosen = oddOnes(odd, options, step);
      const { examples: due, tokens } = order.step(step);
      const { ids, mask } = arrays.get(tokens)!;
      const examples = exchange(due, step);
      examples.forEach((example, i) => {
        const known = texts.ids[example]!;
        // The first and last tokens are marks and stay.
        const inner = (t: number) => t > 0 && t < known.length - 1;
        const seen = known.map((id, t) => {
          if (!inner(t)) return id;
          return random.uniform() < tokenDropout ? unknown : (other(i) ?? id);
        });
        const shape = { tokens, vocabulary: tokenizer.size, marks };
        const fed = i < chosen.count ? oddText(seen, chosen.form(oddTextForms), shape, chosen.random) : seen;
        fillTokens(fed, tokens, padding, ids, mask, i * tokens);
      });
      setTargets(targets, examples.map(train.label), options.labelSmoothing);
      targets.fill(0, 0, chosen.count * classes);
      return { ids, mask, targets };
    },
  };
}

function corpusBatches({ train, tokens, tokenizer }: CorpusDataSet, options: BatchOptions): Batches {
  const { batch, seed, windows } = options;
  const { streams } = train;
  // A limit takes the same number of windows from the beginning of every stream.
  const most = windows === undefined ? Number.POSITIVE_INFINITY : Math.ceil(windows / streams.length) * tokens;
  const usable = streams.map((stream) => Math.min(most, Math.max(0, stream.length - tokens)));
  const total = usable.reduce((a, b) => a + b, 0);
  if (total === 0)
    throw new DataError(
      `The training part of the corpus is shorter than one window of ${tokens} tokens: give more text, or make windows shorter.`,
    );
  const ids = new BigInt64Array(batch * tokens);
  const targets = new BigInt64Array(batch * tokens);
  const examples = train.apart ? total : Math.floor(total / tokens);
  return {
    examples,
    // An epoch is as many windows as the text has without overlap; where they begin is random.
    stepsPerEpoch: Math.max(1, Math.floor(examples / batch)),
    feeds(step, { noise, odd } = {}) {
      const random = Random.derive(seed, 'windows', step);
      const other = tokenNoise(noise, tokenizer.size, options, step);
      const chosen = oddOnes(odd, options, step);
      for (let i = 0; i < batch; i++) {
        let start = random.integer(total);
        let stream = 0;
        while (start >= usable[stream]!) start -= usable[stream++]!;
        const source = streams[stream]!;
        for (let t = 0; t < tokens; t++) {
          ids[i * tokens + t] = BigInt(other(i) ?? source[start + t]!);
          targets[i * tokens + t] = BigInt(source[start + t + 1]!);
        }
        if (i >= chosen.count) continue;
        const window = source.slice(start, start + tokens);
        const fed = oddWindow(window, chosen.form(oddWindowForms), tokenizer.size, chosen.random);
        fed.forEach((id, t) => {
          ids[i * tokens + t] = BigInt(id);
          // What comes after a token of the window, as far as that is known.
          targets[i * tokens + t] = BigInt(fed[t + 1] ?? id);
        });
      }
      return { ids, targets };
    },
  };
}

function checkFilled({ stepsPerEpoch }: { readonly stepsPerEpoch: number }, count: number, batch: number): void {
  if (stepsPerEpoch < 1)
    throw new ConfigError(
      `${count} training examples do not fill a batch of ${batch}: give more, or make batches smaller.`,
    );
}

/** Probabilities [batch, classes]: all of it, or what smoothing leaves, on the labels. */
function setTargets(targets: Float32Array, labels: readonly number[], smoothing = 0): void {
  const classes = targets.length / labels.length;
  targets.fill(smoothing / classes);
  labels.forEach((label, i) => {
    targets[i * classes + label]! += 1 - smoothing;
  });
}

/** For the next token of example i of a batch: the token to take instead, or none. */
function tokenNoise(
  noise: TokenNoise | undefined,
  vocabulary: number,
  { seed, batch }: BatchOptions,
  step: number,
): (example: number) => number | undefined {
  if (!noise) return () => undefined;
  const random = Random.derive(seed, 'noise', step);
  const noisy = Math.round(noise.examples * batch);
  return (example) => (example < noisy && random.uniform() < noise.tokens ? random.integer(vocabulary) : undefined);
}

/** The first examples of a batch that become odd, and how. */
function oddOnes(share: number | undefined, { seed, batch }: BatchOptions, step: number) {
  const random = Random.derive(seed, 'odd', step);
  const form = <F>(forms: readonly F[]): F => forms[random.integer(forms.length)]!;
  return { count: Math.round((share ?? 0) * batch), random, form };
}
