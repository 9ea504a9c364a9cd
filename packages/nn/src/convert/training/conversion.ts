import { ConfigError, type Tokenizer } from '@cipherformer/model';
import type { Model } from '../../checkpoints/model-folder.ts';
import { type Batches, batches } from '../../data/batches.ts';
import { type DataConfig, drawingOf } from '../../data/config.ts';
import type { DataSet } from '../../data/dataset.ts';
import * as datasets from '../../data/datasets.ts';
import { type OddSplit, oddSplit } from '../../data/odd-split.ts';
import type { Split, SplitName } from '../../data/splits.ts';
import { answersOf } from '../../evaluate/agreement.ts';
import { type ExtremeOptions, recordExtremes } from '../../evaluate/extremes.ts';
import { withOwnAnswers } from '../../evaluate/own-answers.ts';
import { recordRanges } from '../../evaluate/ranges.ts';
import { createAgreementValidator, createValidator, type Validator } from '../../evaluate/validator.ts';
import type { Provider } from '../../onnx/session.ts';
import { otherAnswer } from '../../transformer/config.ts';
import { type ConversionRecipe, recipeData } from '../recipe.ts';
import type { Converted } from '../substitution/architecture.ts';
import { calibrationCount } from '../substitution/calibrate.ts';
import { selfWrittenData } from './self-written.ts';

/** What the parts of a conversion share. */
export interface Conversion {
  readonly recipe: ConversionRecipe;
  readonly original: Model;
  readonly data: DataSet;
  readonly batches: Batches;
  readonly threads: number;
  /** What computes training steps. Default 'cpu'. */
  readonly provider?: Provider;
  /** The original is trained on without the recipe's changes. */
  readonly control: boolean;
}

/** Where the examples of a conversion are. */
export interface ConversionData {
  /** Default: what the recipe's data part names. */
  readonly data?: DataSet;
  /** The folder that the recipe's paths start from. Default: the current one. */
  readonly dataRoot?: string;
  /** Instead of the recipe's way to one. */
  readonly tokenizer?: Tokenizer;
  /** The conversion's, where texts that the model writes itself are kept. Default: they are written anew. */
  readonly out?: string;
  readonly threads?: number;
  readonly signal?: AbortSignal;
}

/** The data given, or the recipe's, checked against the model. @throws ConfigError where they do not fit, or there is none */
export async function loadConversionData(
  recipe: ConversionRecipe,
  model: Model,
  options: ConversionData,
): Promise<DataSet> {
  const data = options.data ?? (await openData(recipeData(recipe), model, options));
  const { head, embedding } = model.config;
  if (model.config.task === 'text-embedding') return onTexts(data, 'An encoder of sentences');
  if (model.config.task === 'token-classification') onTexts(data, 'A model that gives every token a class');
  if (data.outputs !== head.outputs) {
    throw new ConfigError(`The model has ${head.outputs} outputs, the data ${data.outputs}: not made for each other.`);
  }
  if (
    embedding.kind === 'patch' &&
    data.image &&
    (embedding.height !== data.image.height || embedding.channels !== data.image.channels)
  ) {
    throw new ConfigError(
      `The model takes ${embedding.channels} x ${embedding.height} x ${embedding.width} images, the data has ` +
        `${data.image.channels} x ${data.image.height} x ${data.image.width}.`,
    );
  }
  return data;
}

/** @throws ConfigError for images and running text */
function onTexts(data: DataSet, who: string): DataSet {
  if (data.task === 'text-classification') return data;
  throw new ConfigError(`${who} is converted on texts, one an example: give a table with a column of them.`);
}

/** @throws ConfigError for a model without a tokenizer that is to write its own texts */
async function openData(
  config: DataConfig,
  model: Model,
  { dataRoot: root = '.', tokenizer, out, threads, signal }: ConversionData,
): Promise<DataSet> {
  const known = tokenizer ? { tokenizer } : {};
  if (config.kind !== 'self-written') return datasets.load(config, { root, ...known });
  if (!tokenizer) throw new ConfigError('A model without a tokenizer writes no texts: give its tokenizer files.');
  return selfWrittenData(model, config, {
    tokenizer,
    ...(out === undefined ? {} : { folder: out }),
    ...(threads === undefined ? {} : { threads }),
    ...(signal ? { signal } : {}),
  });
}

/**
 * Loads the data of a conversion.
 * @throws ConfigError where data and model do not fit
 * @throws CalibrationError for too few training examples
 */
export async function openConversion(
  original: Model,
  recipe: ConversionRecipe,
  options: ConversionData & { readonly control?: boolean; readonly provider?: Provider },
): Promise<Conversion> {
  const loaded = await loadConversionData(recipe, original, options);
  const { threads = 1, provider, control = false } = options;
  // What does not choose one class has no labels at all.
  const asked = loaded.report?.labelled === false && otherAnswer(original.config) === undefined;
  const data = asked ? await withOwnAnswers(loaded, original, threads) : loaded;
  const conversion = {
    recipe,
    original,
    data,
    batches: conversionBatches(recipe, data),
    threads,
    ...(provider ? { provider } : {}),
    control,
  };
  calibrationCount(data.train, calibrationOf(conversion));
  return conversion;
}

/** What the stages of a conversion are trained on. */
export const conversionBatches = (recipe: ConversionRecipe, data: DataSet): Batches =>
  batches(data, {
    ...{ batch: recipe.batch, seed: recipe.seed },
    ...(recipe.augment && data.image ? { augmentation: recipe.augment } : {}),
    ...(recipe.data ? drawingOf(recipe.data) : {}),
  });

/** How much of the training data calibration takes. */
export const calibrationOf = ({ recipe, data, threads }: Conversion) => ({
  limit: recipe.calibration,
  threads,
  ...(data.tokens ? { tokens: data.tokens } : {}),
});

const recording = ({ data, threads }: Conversion, limit: number): ExtremeOptions => ({
  limit,
  threads,
  batch: 25,
  hidden: true,
  ...(data.tokens ? { tokens: data.tokens } : {}),
});

/** What every site sees on one split, hidden positions included, but for the share `spare` of most unusual examples. */
export const rangesOn = (conversion: Conversion, model: Converted, split: SplitName, limit: number, spare = 0) =>
  recordRanges(model.config, model.weights, conversion.data[split], {
    ...recording(conversion, limit),
    spare,
  });

/** The extremes of every site in each example of a split, hidden positions included. */
export const extremesOn = (conversion: Conversion, model: Converted, split: SplitName, limit: number) =>
  extremesOf(conversion, model, conversion.data[split], limit);

/** The same on a set of one's own. */
export const extremesOf = (conversion: Conversion, model: Converted, set: Split, limit: number) =>
  recordExtremes(model.config, model.weights, set, recording(conversion, limit));

/** Odd inputs made of a part's first examples, where the recipe trains on such. */
export const oddOn = ({ recipe, data }: Conversion, split: SplitName, count: number): OddSplit | undefined =>
  recipe.stages.some(({ train }) => train?.odd !== undefined) ? oddSplit(data, split, count, recipe.seed) : undefined;

/** The original's answers to a split. */
const originals = new WeakMap<Split, Promise<Float64Array[]>>();

/** What scores a model on one split: by labels, by the next token, or, where there is no one right class, by what the original says. */
export async function validatorOn(
  { data, threads, original }: Conversion,
  { config, weights }: Converted,
  split: SplitName,
): Promise<Validator> {
  const set = data[split];
  if (otherAnswer(config) === undefined || set.kind !== 'classification')
    return createValidator(config, weights, set, threads);
  const wanted = originals.get(set) ?? answersOf(original.config, original.weights, set, threads);
  originals.set(set, wanted);
  return createAgreementValidator(config, weights, set, threads, await wanted);
}

/** A model's figures on one split. */
export async function evaluateOn(conversion: Conversion, model: Converted, split: SplitName) {
  const validator = await validatorOn(conversion, model, split);
  try {
    const figures = Object.entries(await validator.run(model.weights));
    // One example that explodes makes a mean loss infinite; such a figure says nothing and has no place in JSON.
    return {
      figure: validator.figure,
      result: Object.fromEntries(figures.filter(([, value]) => Number.isFinite(value))),
    };
  } finally {
    await validator.close();
  }
}
