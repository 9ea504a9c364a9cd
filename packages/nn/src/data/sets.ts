import type { Feeds } from '../onnx/session.ts';
import type { Normalisation } from '@cipherformer/model';
import { imageSize, type ImageSet, normaliseImage } from './images.ts';

/** Examples a model can be run on, by number; the form every evaluation takes. */
export interface ClassificationSet {
  readonly count: number;
  readonly classes: number;
  label(index: number): number;
  /** Fills the model's inputs for the examples [start, start + batch); beyond the end the last one repeats. */
  feeds(start: number, batch: number): Feeds;
}

/** A stream of tokens to be predicted; a corpus has one per file. */
export interface LanguageSet {
  readonly streams: readonly Int32Array[];
  /** Characters (UTF-16 code units) and white-space separated words of the text, the units results are given in. */
  readonly characters: number;
  readonly words: number;
}

export type LabelledSet = { readonly kind: 'classification' } & ClassificationSet;
export type EvaluationSet = LabelledSet | ({ readonly kind: 'language' } & LanguageSet);

export function imageEvaluation(set: ImageSet, normalisation: Normalisation, classes: number): LabelledSet {
  let images = new Float32Array(0);
  return {
    kind: 'classification',
    count: set.count,
    classes,
    label: (index) => set.labels[index]!,
    feeds(start, batch) {
      const size = imageSize(set);
      if (images.length !== batch * size) images = new Float32Array(batch * size);
      for (let i = 0; i < batch; i++) {
        normaliseImage(set, Math.min(start + i, set.count - 1), normalisation, images, i * size);
      }
      return { images };
    },
  };
}

/** Token numbers of texts as a classifier takes them: [CLS] tokens [SEP], cut to the length, padded. */
export interface EncodedTexts {
  readonly ids: readonly Int32Array[];
  readonly labels: readonly number[];
}

export function textEvaluation(set: EncodedTexts, tokens: number, padding: number, classes: number): LabelledSet {
  let ids = new BigInt64Array(0);
  let mask = new Float32Array(0);
  return {
    kind: 'classification',
    count: set.ids.length,
    classes,
    label: (index) => set.labels[index]!,
    feeds(start, batch) {
      if (ids.length !== batch * tokens) {
        ids = new BigInt64Array(batch * tokens);
        mask = new Float32Array(batch * tokens);
      }
      for (let i = 0; i < batch; i++) {
        const example = set.ids[Math.min(start + i, set.ids.length - 1)]!;
        fillTokens(example, tokens, padding, ids, mask, i * tokens);
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
