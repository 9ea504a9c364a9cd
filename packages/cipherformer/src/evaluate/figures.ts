import { given, type OnProgress, UsageError } from '@cipherformer/base';
import { examplesOutside } from '@cipherformer/model';
import { isPolynomialModel, loadPolynomialModel } from '@cipherformer/model/files';
import {
  type DataConfig,
  evaluateModel,
  evaluatePolynomialModel,
  loadModel,
  type Model,
  type SplitName,
} from '@cipherformer/nn';
import { loadDataFor, loadDataForPolynomial } from './data.ts';

/** On what a model is evaluated, and how. */
export interface FigureOptions {
  readonly data: DataConfig;
  /** The folder that paths of data and weights start from. */
  readonly root: string;
  readonly split: SplitName;
  /** Only the first examples (windows of a language model). */
  readonly limit?: number | undefined;
  /** Examples at a time; of a trained model. */
  readonly batch?: number | undefined;
  /** Tokens by which language-model windows advance. Default: half a window. */
  readonly stride?: number | undefined;
  /** Replaces attention: uniform shows what the model does without it. Of a trained model. */
  readonly attention?: 'uniform' | undefined;
  /** Threads for the arithmetic; of a trained model. */
  readonly threads?: number | undefined;
  readonly progress?: OnProgress | undefined;
  /** Looked at between batches of examples. */
  readonly signal?: AbortSignal | undefined;
}

/** Accuracy, loss, perplexity and the like, by name; of a polynomial model also how many examples left an interval. */
export type Figures = Readonly<Record<string, number>>;

/** A polynomial whose interval values left. */
export interface OutsideSite {
  readonly name: string;
  readonly interval: readonly [number, number];
  /** Extent of the values. */
  readonly low: number;
  readonly high: number;
  /** Examples with such a value. */
  readonly outside: number;
}

/** The numbers in the result of an evaluation. */
export const numbersOf = (result: object): Figures =>
  Object.fromEntries(Object.entries(result).filter((entry): entry is [string, number] => typeof entry[1] === 'number'));

/**
 * The figures of a trained or a polynomial model, in clear, on a part of a data set.
 * @param folder of the model, or an adapter recipe; as `modelPath` gives it
 * @throws UsageError for other attention in a polynomial model; errors of reading model and data; the signal's reason
 */
export async function figuresOf(
  folder: string,
  options: FigureOptions,
): Promise<{ readonly figures: Figures; readonly outside?: readonly OutsideSite[] }> {
  if (isPolynomialModel(folder)) return polynomialFigures(folder, options);
  const { data, root, split, attention, limit, batch, stride, threads } = options;
  const loaded = loadModel(folder, root);
  const { config } = loaded;
  const model: Model = attention ? { ...loaded, config: { ...config, attention: { ...config.attention, kind: attention } } } : loaded; // biome-ignore format: short
  const { [split]: set } = await loadDataFor(folder, data, root);
  return {
    figures: numbersOf(
      await evaluateModel(model, set, { ...given({ limit, batch, stride, threads }), progress: watching(options) }),
    ),
  };
}

async function polynomialFigures(
  folder: string,
  options: FigureOptions,
): Promise<{ readonly figures: Figures; readonly outside: readonly OutsideSite[] }> {
  const { data, root, split, attention, limit, stride } = options;
  if (attention) throw new UsageError('--attention replaces attention in models that are not polynomial yet.');
  const model = loadPolynomialModel(folder);
  const { [split]: set } = await loadDataForPolynomial(model, data, root);
  const evaluated = await evaluatePolynomialModel(model, set, {
    ...given({ limit, stride }),
    progress: watching(options),
  });
  const sites = evaluated.values.sites.map((site) => {
    const { name, interval, low, high } = site;
    return { name, interval, low, high, outside: examplesOutside(site) };
  });
  return {
    figures: { ...numbersOf(evaluated.result), examplesOutsideAnInterval: evaluated.untrusted },
    outside: sites.filter(({ outside }) => outside > 0),
  };
}

/** What is thrown at progress ends an evaluation. */
const watching =
  ({ progress, signal }: FigureOptions): OnProgress =>
  (told) => {
    signal?.throwIfAborted();
    progress?.(told);
  };
