import { ConfigError, type Normalisation, type Tokenizer } from '@cipherformer/model';
import type { ImageSet, ImageShape } from './images.ts';
import type { DataReport } from './report.ts';
import {
  type EncodedTexts,
  type ImageSplit,
  imageSplit,
  type LanguageSet,
  type LanguageSplit,
  LazySplits,
  type SplitName,
  type Splits,
  type TextSplit,
  textSplit,
} from './splits.ts';

/** What is known of a data set's examples, whatever they are. */
interface Facts {
  /** Classes of a classifier, entries of a language model's vocabulary. */
  readonly outputs: number;
  /** Names of the classes, where the data has them. */
  readonly classes?: readonly string[];
  readonly image?: ImageShape;
  /** What was found in data of a person's own. */
  readonly report?: DataReport;
  /** Most tokens of an example; of a corpus, those of a window. */
  readonly tokens?: number;
  readonly tokenizer?: Tokenizer;
}

export interface ImageDataSet extends Facts, Splits<ImageSplit> {
  readonly task: 'image-classification';
  readonly image: ImageShape;
  readonly normalise: Normalisation;
}

export interface TextDataSet extends Facts, Splits<TextSplit> {
  readonly task: 'text-classification';
  readonly classes: readonly string[];
  readonly tokens: number;
  readonly tokenizer: Tokenizer;
  /** The token that examples are filled up with. */
  readonly padding: number;
}

export interface CorpusDataSet extends Facts, Splits<LanguageSplit> {
  readonly task: 'language-model';
  readonly tokens: number;
  readonly tokenizer: Tokenizer;
}

/** Examples by part, train, validation and test, and what a model has to know of them. */
export type DataSet = ImageDataSet | TextDataSet | CorpusDataSet;

/**
 * A data set of images, part by part.
 * @throws ConfigError where the normalisation is for another number of channels
 */
export function imageDataSet(
  part: (name: SplitName) => ImageSet,
  facts: Pick<ImageDataSet, 'outputs' | 'classes' | 'image' | 'normalise'>,
): ImageDataSet {
  const { outputs, image, normalise } = facts;
  if (normalise.mean.length !== image.channels || normalise.deviation.length !== image.channels)
    throw new ConfigError(`data.normalise needs ${image.channels} means and deviations, one a channel.`);
  const splits = new LazySplits((name) => imageSplit(part(name), normalise, outputs));
  return Object.assign(splits, { task: 'image-classification', ...facts } as const);
}

/** A data set of texts, part by part. */
export function textDataSet(
  part: (name: SplitName) => EncodedTexts,
  facts: Pick<TextDataSet, 'classes' | 'tokens' | 'tokenizer'>,
): TextDataSet {
  const { classes, tokens, tokenizer } = facts;
  const padding = tokenizer.padding ?? 0;
  const outputs = classes.length;
  const splits = new LazySplits((name) => textSplit(part(name), tokens, padding, outputs));
  return Object.assign(splits, { task: 'text-classification', outputs, padding, ...facts } as const);
}

/** A data set of running text, part by part. */
export function corpusDataSet(
  part: (name: SplitName) => LanguageSet,
  facts: Pick<CorpusDataSet, 'tokens' | 'tokenizer'>,
): CorpusDataSet {
  const { tokens, tokenizer } = facts;
  const vocabulary = tokenizer.size;
  const splits = new LazySplits((name): LanguageSplit => ({ kind: 'language', tokens, vocabulary, ...part(name) }));
  return Object.assign(splits, { task: 'language-model', outputs: vocabulary, ...facts } as const);
}
