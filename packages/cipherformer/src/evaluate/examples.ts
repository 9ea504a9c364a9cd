import { UsageError } from '@cipherformer/base';
import { type ModelInput, type PolynomialModel, valueShapes } from '@cipherformer/model';
import { type DataSet, type Feeds, inputOf, type LanguageSet, type SplitName } from '@cipherformer/nn';

/** A split of a data set, example by example, for models of both forms. */
export interface Examples {
  readonly kind: 'classification' | 'language';
  readonly count: number;
  /** Tokens of an example; undefined for images. */
  readonly tokens?: number;
  /** Of a language model: every token as it would be written. */
  readonly names?: readonly string[];
  /** The class of an example; the token after the window of a language model. */
  label(index: number): number;
  /** Inputs of the original model at batch 1. */
  feeds(index: number): Feeds;
  /** The same as a person would give it to the polynomial model. */
  input(index: number): ModelInput;
}

/**
 * What a polynomial model is to be asked about. Windows of a language model have the graph's length, do not overlap, and
 * are followed by at least one token: the answer.
 * @throws UsageError where data and model have other numbers of classes
 */
export function examplesOf({ graph }: PolynomialModel, data: DataSet, split: SplitName): Examples {
  const outputs = valueShapes(graph)[graph.output]!.columns;
  if (data.outputs !== outputs)
    throw new UsageError(`The model has ${outputs} outputs, the data ${data.outputs}: give the data it was made for.`);
  if (data.task === 'language-model') {
    const names = Array.from({ length: outputs }, (_, id) => JSON.stringify(data.tokenizer.decode([id])));
    return { ...windowExamples(data[split], graph.tokens), names };
  }
  const set = data[split];
  const feeds = (index: number) => set.feeds(index, 1);
  return {
    kind: 'classification',
    count: set.count,
    ...(set.tokens === undefined ? {} : { tokens: set.tokens }),
    label: (index) => set.label(index),
    feeds,
    input: (index) => inputOf(feeds(index)),
  };
}

/** Windows of a text, stream after stream. */
export function windowExamples({ streams }: Pick<LanguageSet, 'streams'>, tokens: number): Examples {
  const starts = streams.flatMap((stream) =>
    Array.from({ length: Math.max(0, Math.floor((stream.length - 1) / tokens)) }, (_, w) => ({
      stream,
      start: w * tokens,
    })),
  );
  const window = (index: number) => {
    const { stream, start } = starts[index]!;
    return Array.from(stream.subarray(start, start + tokens));
  };
  return {
    kind: 'language',
    count: starts.length,
    tokens,
    label: (index) => starts[index]!.stream[starts[index]!.start + tokens]!,
    feeds: (index) => ({ ids: BigInt64Array.from(window(index), BigInt) }),
    input: (index) => ({ ids: window(index) }),
  };
}
