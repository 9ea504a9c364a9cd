import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OnProgress, UsageError } from '@cipherformer/base';
import type { Tokenizer } from '@cipherformer/model';
import { loadPolynomialModel, readJson } from '@cipherformer/model/files';
import {
  type ConversionRecipeInput,
  type ConversionRecord,
  convert as convertModel,
  type DataConfig,
  type DataSet,
  datasets,
  type Examples,
  parseConversion,
} from '@cipherformer/nn';
import { loadModel, type TrainedModel } from './load-model.ts';
import { PolynomialModel } from './polynomial-model.ts';

/** A data set that `datasets.load` opened, examples in memory, or what `datasets.load` takes. */
export type ConversionData = DataSet | Examples | DataConfig;

/** How a model is converted, where that is kept, how it is followed and stopped. */
export interface ConvertOptions {
  /** Its stages, and how each trains: an object, or the path of a JSON file. Its "data", if any, says how training draws. */
  readonly recipe: string | ConversionRecipeInput;
  /**
   * Where parts are kept as they finish, and the polynomial model and its record in the end: the same call goes on where an
   * interrupted one stopped. Default: none, nothing stays on the disk.
   */
  readonly folder?: string;
  /** Of the order of examples, draws and starting values. Default: the recipe's. */
  readonly seed?: number;
  /** Threads for the arithmetic. Default 1. */
  readonly threads?: number;
  /** Steps of all stages' training, then measurements. */
  readonly progress?: OnProgress;
  /** Ends the work within some steps, or after a measurement. */
  readonly signal?: AbortSignal;
}

/** What a conversion gives. */
export interface Conversion {
  /** The result, ready for `compile`. */
  readonly model: PolynomialModel;
  /** What happened: figures of every stage on validation and test data, ranges, polynomials, levels. */
  readonly record: ConversionRecord;
}

/**
 * Converts a trained transformer to polynomial form: softmax, activations and normalisations are replaced and trained by the
 * recipe's stages, on the data's training part; stages are chosen on validation, the test part is read in the end. Needs
 * ONNX Runtime. Cost: training; minutes for the smallest models, hours for those that ship.
 * Source: Zimerman et al., "Converting Transformers to Polynomial Form for Secure Inference Over Homomorphic Encryption",
 * ICML 2024, with the differences that docs/method.md tells.
 * @param model what `loadModel` read, or its folder
 * @param data with all three parts: train, validation and test
 * @throws UsageError without a recipe; ConfigError where model, data and recipe do not fit, DataError for wrong data,
 * OtherRunError for a folder of another conversion, UnsupportedPartError, CalibrationError, UnstableTrainingError,
 * SiteRangeError for a model that cannot be converted so; an error that names the line to install without ONNX Runtime; the
 * signal's reason
 */
export async function convert(
  model: string | TrainedModel,
  data: ConversionData,
  options: ConvertOptions,
): Promise<Conversion> {
  const { folder, signal } = options;
  signal?.throwIfAborted();
  const recipe = recipeOf(options);
  const original = typeof model === 'string' ? await loadModel(model) : model;
  const opened = await openedData(data, original.tokenizer);
  if (folder !== undefined) {
    const record = await run(original, opened, recipe, folder, options);
    return { model: await PolynomialModel.load(folder), record };
  }
  const temporary = await mkdtemp(join(tmpdir(), 'cipherformer-convert-'));
  try {
    const record = await run(original, opened, recipe, temporary, options);
    return { model: PolynomialModel.of(loadPolynomialModel(temporary)), record };
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function run(
  original: TrainedModel,
  data: DataSet,
  recipe: ReturnType<typeof parseConversion>,
  out: string,
  { threads, progress, signal }: ConvertOptions,
): Promise<ConversionRecord> {
  const { name: modelName, tokenizer } = original;
  const { record } = await convertModel(original, recipe, {
    data,
    out,
    modelName,
    ...(tokenizer ? { tokenizer } : {}),
    ...(threads === undefined ? {} : { threads }),
    ...(signal ? { signal } : {}),
    ...(progress ? { progress } : {}),
  });
  // What the engine of a conversion does when it is stopped: it keeps its parts and gives no record.
  signal?.throwIfAborted();
  return record!;
}

function recipeOf({ recipe, seed }: ConvertOptions) {
  // Callers in plain JavaScript may give none.
  if (typeof recipe !== 'string' && (typeof recipe !== 'object' || recipe === null))
    throw new UsageError('a conversion needs { recipe }: its stages, as an object or the path of a JSON file');
  const value = typeof recipe === 'string' ? readJson(recipe) : recipe;
  const parsed = parseConversion(value, typeof recipe === 'string' ? recipe : 'the recipe');
  return seed === undefined ? parsed : { ...parsed, seed };
}

async function openedData(data: ConversionData, tokenizer: Tokenizer | undefined): Promise<DataSet> {
  if ('task' in data) return data;
  return datasets.load(data, tokenizer ? { tokenizer } : {});
}
