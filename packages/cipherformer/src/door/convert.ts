import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OnProgress, UsageError } from '@cipherformer/base';
import { loadPolynomialModel, readJson } from '@cipherformer/model/files';
import {
  type ChosenRecipe,
  type ConversionRecipe,
  type ConversionRecipeInput,
  type ConversionRecord,
  chooseRecipe,
  convert as convertModel,
  type DataConfig,
  type DataSet,
  datasets,
  type Examples,
  type OwnData,
  parseConversion,
  type SelfWrittenConfig,
} from '@cipherformer/nn';
import { loadModel, type TrainedModel } from './load-model.ts';
import { openOwnData } from './own-data.ts';
import { PolynomialModel } from './polynomial-model.ts';

/** A data set that `datasets.load` opened, examples in memory, or what `datasets.load` takes. */
export type ConversionData = DataSet | Examples | OwnData | DataConfig;

/** How a model is converted, where that is kept, how it is followed and stopped. */
export interface ConvertOptions {
  /**
   * Its stages, and how each trains: an object, or the path of a JSON file. Its "data", if any, says how training draws. Default:
   * chosen by the model's kind and size and by how many examples there are; the record has it.
   */
  readonly recipe?: string | ConversionRecipeInput;
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
 * @param data with all three parts: train, validation and test; of a language model also {"kind": "self-written", ...}: texts
 * that it writes itself
 * @throws UsageError for a recipe that is neither object nor path; ConfigError where model, data and recipe do not fit, DataError for wrong data,
 * OtherRunError for a folder of another conversion, UnsupportedPartError, CalibrationError, UnstableTrainingError,
 * SiteRangeError for a model that cannot be converted so; an error that names the line to install without ONNX Runtime; the
 * signal's reason
 */
export async function convert(
  model: string | TrainedModel,
  data: ConversionData,
  options: ConvertOptions = {},
): Promise<Conversion> {
  const { folder, signal } = options;
  signal?.throwIfAborted();
  const given = givenRecipe(options);
  const original = typeof model === 'string' ? await loadModel(model) : model;
  const own = 'kind' in data && data.kind === 'self-written' ? data : undefined;
  const opened = own ? undefined : await openedData(data, original);
  const chosen = given ?? (own ? chooseOnOwnTexts(original, own) : chooseFor(original, opened!)).recipe;
  const seeded = options.seed === undefined ? chosen : { ...chosen, seed: options.seed };
  const recipe = own ? { ...seeded, data: own } : seeded;
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
  data: DataSet | undefined,
  recipe: ConversionRecipe,
  out: string,
  { threads, progress, signal }: ConvertOptions,
): Promise<ConversionRecord> {
  const { name: modelName, tokenizer } = original;
  const { record } = await convertModel(original, recipe, {
    ...(data ? { data } : {}),
    out,
    modelName,
    ...(tokenizer ? { tokenizer } : {}),
    ...(threads === undefined ? {} : { threads }),
    ...(signal ? { signal } : {}),
    ...(progress ? { progress } : {}),
  });
  return record!;
}

function givenRecipe({ recipe }: ConvertOptions): ConversionRecipe | undefined {
  if (recipe === undefined) return undefined;
  // Callers in plain JavaScript may give anything.
  if (typeof recipe !== 'string' && (typeof recipe !== 'object' || recipe === null))
    throw new UsageError('a recipe is an object with stages, or the path of a JSON file');
  if (typeof recipe === 'string') return parseConversion(readJson(recipe), recipe);
  return parseConversion(recipe, 'the recipe');
}

/** A recipe for a model and data that were opened, and why it is what it is. @throws as chooseRecipe */
export function chooseFor(
  { config, name }: TrainedModel,
  { train }: DataSet,
  options: Omit<Parameters<typeof chooseRecipe>[2], 'name' | 'examples'> = {},
): ChosenRecipe {
  const examples =
    train.kind === 'classification'
      ? train.count
      : Math.floor(train.streams.reduce((sum, { length }) => sum + length, 0) / train.tokens);
  return chooseRecipe(config, undefined, { ...options, name: recipeName(name), examples });
}

const recipeName = (model: string): string =>
  model.toLowerCase().replace(/[^a-z0-9-]+/g, '-').replace(/^-+/, '') || 'model'; // biome-ignore format: short

/** Texts that a language model writes for its own conversion: as many windows as two public-domain books have. */
const ownTexts = 4000;
/** Tokens of such a text, where the model takes as many. */
const ownTokens = 128;

/** The data of a language model that comes without any. @throws UsageError for another model */
export function selfWritten({ config, name }: TrainedModel, tokens = ownTokens): SelfWrittenConfig {
  if (config.task !== 'language-model' || config.embedding.kind !== 'token')
    throw new UsageError(
      `${name} is no language model, so it has to be converted on examples: give a table, a folder of pictures, or a recipe with data.`,
    );
  return {
    kind: 'self-written',
    texts: ownTexts,
    held: 256,
    tokens: Math.min(tokens, config.embedding.maxTokens - 1),
    temperature: 1,
    seed: 1,
  };
}

/** A recipe for a language model on texts that it writes itself. @throws as chooseRecipe */
export const chooseOnOwnTexts = (
  { config, name }: TrainedModel,
  data: SelfWrittenConfig,
  options: Omit<Parameters<typeof chooseRecipe>[2], 'name' | 'examples'> = {},
): ChosenRecipe => chooseRecipe(config, data, { ...options, name: recipeName(name), examples: data.texts });

async function openedData(data: ConversionData, model: TrainedModel): Promise<DataSet> {
  if ('task' in data) return data;
  if ('from' in data) return openOwnData(data, model);
  return datasets.load(data, model.tokenizer ? { tokenizer: model.tokenizer } : {});
}
