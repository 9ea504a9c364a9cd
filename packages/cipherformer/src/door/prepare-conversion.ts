import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { given } from '@cipherformer/base';
import { readJson } from '@cipherformer/model/files';
import {
  type ChosenRecipe,
  type ConversionRecipe,
  type ConvertOptions,
  estimateConversion,
  loadModel,
  loadModelTokenizer,
  type Model,
  modelPath,
  type OwnData,
  parseConversion,
  promised,
  reportLines,
} from '@cipherformer/nn';
import { nothingPromised } from '../inspect/outlook.ts';
import { type ConversionPlan, encryptedLine } from '../report/conversion-text.ts';
import { predictedPlan } from '../shapes/plan-figures.ts';
import { formatSeconds } from '../terminal/progress.ts';
import { chooseFor, chooseOnOwnTexts, selfWritten } from './convert.ts';
import { loadModel as loadTrained, processorMissing, type TrainedModel } from './load-model.ts';
import { openOwnData } from './own-data.ts';

/** What is known of a conversion on the command line. */
export interface PreparationOptions {
  /** A recipe (JSON). Default: chosen by model, task and data. */
  readonly recipe?: string | undefined;
  /** Examples of one's own, as `datasets.load` takes them; where the recipe names its data, the folder that its paths start from. Default: a language model writes its own. */
  readonly data?: string | undefined;
  readonly validation?: OwnData['validation'] | undefined;
  readonly test?: OwnData['test'] | undefined;
  readonly columns?: OwnData['columns'] | undefined;
  readonly skip?: boolean | undefined;
  /** Length that texts are cut and filled to. */
  readonly tokens?: number | undefined;
  readonly seed?: number | undefined;
  /** Processor time that a chosen recipe may take. */
  readonly hours?: number | undefined;
  /** A chosen recipe of a tenth of the steps. */
  readonly quick?: boolean | undefined;
  /** What was found in the data and chosen, and why, before anything starts. */
  readonly note?: (line: string) => void;
}

/** What is converted, by what, on what: what `convert` of @cipherformer/nn takes. */
export interface PreparedConversion extends Pick<ConvertOptions, 'data' | 'dataRoot' | 'tokenizer'> {
  readonly model: Model;
  readonly recipe: ConversionRecipe;
}

/**
 * Reads the model, opens the data, and reads the recipe or chooses one.
 * @throws errors of reading them; UsageError for a model that cannot do without examples, and has none
 */
export async function prepareConversion(path: string, options: PreparationOptions): Promise<PreparedConversion> {
  const { recipe: file, seed, data: root = '.' } = options;
  const read = file === undefined ? undefined : parseConversion(readJson(file), file);
  const recipe = read && seed !== undefined ? { ...read, seed } : read;
  if (recipe?.data) return byRecipe(path, recipe, root);
  const model = await loadTrained(path);
  const tokenizer = given({ tokenizer: model.tokenizer });
  if (options.data === undefined) return onOwnTexts(model, recipe, options);
  const { data: from, columns = {}, skip = false, validation, test, note } = options;
  const data = await openOwnData({ from, columns, skip, ...given({ validation, test, seed }) }, model, options.tokens);
  const missing = processorMissing(model, path);
  if (missing) note?.(missing);
  for (const line of reportLines(data.report)) note?.(line);
  if (recipe) return { model, recipe, data, ...tokenizer };
  const choose = (more: Choice) => chooseFor(model, data, more);
  return { model, recipe: await chosen(model, { data, ...tokenizer }, options, choose), data, ...tokenizer };
}

/** The stages of a prepared conversion, their time on this machine, and what the encrypted program will cost. */
export async function planConversion(prepared: PreparedConversion): Promise<ConversionPlan> {
  const { model, recipe, ...examples } = prepared;
  const encrypted = predictedPlan(model.config, recipe, tokensOf(prepared));
  return { ...(await estimateConversion(model, recipe, examples)), encrypted };
}

/** By a recipe that names its data. */
function byRecipe(path: string, recipe: ConversionRecipe, root: string): PreparedConversion {
  const folder = modelPath(path);
  const model = loadModel(folder, existsSync(root) ? root : dirname(folder));
  const tokenizer = model.config.embedding.kind === 'token' ? loadModelTokenizer(folder, root) : undefined;
  return { model, recipe, dataRoot: root, ...given({ tokenizer }) };
}

/** A language model on texts that it writes itself. @throws UsageError for another model: that needs examples */
async function onOwnTexts(
  model: TrainedModel,
  recipe: ConversionRecipe | undefined,
  options: PreparationOptions,
): Promise<PreparedConversion> {
  const data = selfWritten(model, options.tokens);
  const tokenizer = given({ tokenizer: model.tokenizer });
  options.note?.(`no data: ${data.texts} texts of ${data.tokens} tokens that the model writes itself`);
  if (recipe) return { model, recipe: { ...recipe, data }, ...tokenizer };
  const choose = (more: Choice) => chooseOnOwnTexts(model, data, more);
  return { model, recipe: await chosen(model, tokenizer, options, choose), ...tokenizer };
}

type Choice = NonNullable<Parameters<typeof chooseFor>[2]>;

/** A recipe for a model and data that nobody wrote one for, told before anything starts. */
async function chosen(
  model: TrainedModel,
  examples: Pick<PreparedConversion, 'data' | 'tokenizer'>,
  { seed, quick = false, hours, note }: PreparationOptions,
  choose: (options: Choice) => ChosenRecipe,
): Promise<ConversionRecipe> {
  const seeded = given({ seed });
  const usual = choose({ quick, ...seeded });
  const plan = await planConversion({ model, recipe: usual.recipe, ...examples });
  const secondsPerStep = plan.seconds / plan.steps;
  const { recipe, reasons, steps } = hours === undefined ? usual : choose({ quick, ...seeded, hours, secondsPerStep });
  const { fewest, most } = plan.levelsPerLayer;
  const levels = fewest === most ? fewest : `${fewest} to ${most}`;
  const loss =
    model.config.task === 'language-model'
      ? `a perplexity of at most x ${Math.exp(promised.natsPerCharacter).toFixed(2)}`
      : (nothingPromised(model.kind) ?? `at most ${(100 * promised.accuracy).toFixed(1)} points of accuracy`);
  for (const line of [
    ...reasons,
    `about ${formatSeconds(steps * secondsPerStep)} on this machine; ${levels} levels for the polynomials of a layer`,
    encryptedLine(predictedPlan(model.config, recipe, tokensOf({ ...examples, recipe }))),
    `what such conversions cost: ${loss}, mostly far less (docs/results.md); where yours costs more, the stage that lost it is named`,
  ])
    note?.(line);
  return recipe;
}

/** Length of the sequences of texts; undefined for images. */
function tokensOf({ recipe, data }: Pick<PreparedConversion, 'recipe' | 'data'>): number | undefined {
  const from = data?.train ?? recipe.data;
  return from && 'tokens' in from ? from.tokens : undefined;
}
