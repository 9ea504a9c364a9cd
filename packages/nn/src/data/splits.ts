import type { Normalisation } from '@cipherformer/model';
import type { Feeds } from '../onnx/session.ts';
import { type SplitName, splitNames } from '../sources/parts.ts';
import { type ImageSet, imageSize, normaliseImage } from './images.ts';

export { type SplitName, splitNames };

/** Labelled examples a model can be run on, by number. */
export interface ClassificationSet {
  readonly count: number;
  readonly classes: number;
  label(index: number): number;
  /** A model's inputs for the examples [start, start + batch); beyond the end the last one repeats. */
  feeds(start: number, batch: number): Feeds;
}

/** A stream of tokens to be predicted; a corpus has one per file. */
export interface LanguageSet {
  readonly streams: readonly Int32Array[];
  /** Characters (UTF-16 code units) and white-space separated words of the text, the units results are given in. */
  readonly characters: number;
  readonly words: number;
  /** Every stream is one window and the token after it, so windows begin nowhere else. Default: anywhere in a stream. */
  readonly apart?: boolean;
}

export interface ClassificationSplit extends ClassificationSet {
  readonly kind: 'classification';
  /** Tokens that an example is padded to; undefined for images. */
  readonly tokens?: number;
}

export interface LanguageSplit extends LanguageSet {
  readonly kind: 'language';
  /** Tokens of a window. */
  readonly tokens: number;
  /** Number of different tokens. */
  readonly vocabulary: number;
}

/** One part of a data set: what models are evaluated on. */
export type Split = ClassificationSplit | LanguageSplit;

/** What a model has to have an output for: classes, or the entries of the vocabulary. */
export const outputsOf = (split: Split): number => (split.kind === 'language' ? split.vocabulary : split.classes);

export interface ImageSplit extends ClassificationSplit {
  readonly images: ImageSet;
}

export function imageSplit(images: ImageSet, normalisation: Normalisation, classes: number): ImageSplit {
  const size = imageSize(images);
  return {
    kind: 'classification',
    count: images.count,
    classes,
    images,
    label: (index) => images.labels[index]!,
    feeds(start, batch) {
      const pixels = new Float32Array(batch * size);
      for (let i = 0; i < batch; i++) {
        normaliseImage(images, Math.min(start + i, images.count - 1), normalisation, pixels, i * size);
      }
      return { images: pixels };
    },
  };
}

/** Token numbers of texts as a classifier takes them: [CLS] tokens [SEP], cut to the length. */
export interface EncodedTexts {
  readonly ids: readonly Int32Array[];
  readonly labels: readonly number[];
}

export interface TextSplit extends ClassificationSplit {
  readonly texts: EncodedTexts;
  readonly tokens: number;
}

export function textSplit(texts: EncodedTexts, tokens: number, padding: number, classes: number): TextSplit {
  const count = texts.ids.length;
  return {
    kind: 'classification',
    count,
    classes,
    texts,
    tokens,
    label: (index) => texts.labels[index]!,
    feeds(start, batch) {
      const ids = new BigInt64Array(batch * tokens);
      const mask = new Float32Array(batch * tokens);
      for (let i = 0; i < batch; i++) {
        fillTokens(texts.ids[Math.min(start + i, count - 1)]!, tokens, padding, ids, mask, i * tokens);
      }
      return { ids, mask };
    },
  };
}

/** Writes one example, padded to `tokens`, into the inputs of a batch. */
export function fillTokens(
  example: Int32Array,
  tokens: number,
  padding: number,
  ids: BigInt64Array,
  mask: Float32Array,
  offset: number,
): void {
  for (let t = 0; t < tokens; t++) {
    const real = t < example.length;
    ids[offset + t] = BigInt(real ? example[t]! : padding);
    mask[offset + t] = real ? 1 : 0;
  }
}

/** The parts of a data set. */
export interface Splits<S extends Split> {
  readonly train: S;
  /** @throws DataError where the data has none */
  readonly validation: S;
  /** @throws DataError where the data has none */
  readonly test: S;
}

/** Parts that are made when first asked for: the tokens of a corpus take seconds, and training needs no test. */
export class LazySplits<S extends Split> implements Splits<S> {
  readonly #make: (name: SplitName) => S;
  readonly #made = new Map<SplitName, S>();

  /** `make` throws for a part that is not there. */
  constructor(make: (name: SplitName) => S) {
    this.#make = make;
  }

  get train(): S {
    return this.#get('train');
  }

  get validation(): S {
    return this.#get('validation');
  }

  get test(): S {
    return this.#get('test');
  }

  #get(name: SplitName): S {
    const split = this.#made.get(name) ?? this.#make(name);
    this.#made.set(name, split);
    return split;
  }
}
