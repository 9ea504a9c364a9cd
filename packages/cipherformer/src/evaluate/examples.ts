import { UsageError } from '@cipherformer/base';
import { huggingFaceTokenizer, type ModelInput, type PolynomialModel, valueShapes } from '@cipherformer/model';
import { type DataConfig, type Feeds, inputOf, type LanguageSet, loadTask, type SplitName } from '@cipherformer/nn';

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
  /** Inputs of the original model at batch 1; reused by the next call. */
  feeds(index: number): Feeds;
  /** The same as a person would give it to the polynomial model. */
  input(index: number): ModelInput;
}

/**
 * Reads the split that a polynomial model is to be asked about. Windows of a language model have the graph's length, do not
 * overlap, and are followed by at least one token: the answer.
 * @throws UsageError where data and model have other numbers of classes
 */
export async function loadExamples(
  model: PolynomialModel,
  data: DataConfig,
  root: string,
  split: SplitName,
): Promise<Examples> {
  const { graph, preprocess } = model;
  const tokenizer =
    preprocess.kind === 'text' && preprocess.tokenizer ? { tokenizer: huggingFaceTokenizer(preprocess.tokenizer) } : {};
  const task = await loadTask(data, { root, batch: 1, seed: 0, labelSmoothing: 0, ...tokenizer });
  const outputs = valueShapes(graph)[graph.output]!.columns;
  if (task.outputs !== outputs)
    throw new UsageError(`The model has ${outputs} outputs, the data ${task.outputs}: give the data it was made for.`);
  const set = task.evaluation(split);
  if (set.kind === 'language') {
    const names = Array.from({ length: outputs }, (_, id) => JSON.stringify(task.tokenizer!.decode([id])));
    return { ...windowExamples(set, graph.tokens), names };
  }
  const feeds = (index: number) => set.feeds(index, 1);
  return {
    kind: 'classification',
    count: set.count,
    ...(task.tokens === undefined ? {} : { tokens: task.tokens }),
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
