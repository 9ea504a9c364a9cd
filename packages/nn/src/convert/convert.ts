import { join } from 'node:path';
import { type Model, saveModel } from '../checkpoints/model-folder.ts';
import { dataDigest } from '../data/digest.ts';
import { joinExtremes } from '../evaluate/extremes.ts';
import { preprocessOf } from '../train/assemble.ts';
import type { ConvertOptions, ConvertResult } from './options.ts';
import type { ConversionRecipe } from './recipe.ts';
import { exportPolynomial } from './record/export.ts';
import { ConversionFolder } from './record/folder.ts';
import { measureConversion, measurementCounter, modelCardOf } from './record/measure.ts';
import type { ConversionRecord, StageRecord } from './record/record.ts';
import { originalRow, partRow } from './record/row.ts';
import { applyChange } from './stages/change.ts';
import { withoutChanges } from './stages/control.ts';
import { planConversion } from './stages/plan.ts';
import { trainPart } from './stages/train-part.ts';
import { widenIntervals, withClamp } from './substitution/substitute.ts';
import { type Conversion, extremesOf, extremesOn, oddOn, openConversion } from './training/conversion.ts';

/**
 * Converts a trained transformer to polynomial form: additions and multiplications alone, which is what a server can
 * compute on encrypted numbers.
 *
 * The method is that of Zimerman et al., "Converting Transformers to Polynomial Form for Secure Inference Over Homomorphic
 * Encryption" (ICML 2024), as a pipeline:
 * - HE-friendly architecture: what no polynomial approximates well is replaced by what one does, and trained (softmax by
 *   pointwise attention; LayerNorm, there of vision models by BatchNorm, here by its like with a constant denominator);
 * - range minimisation: further training with a range loss (training/range-loss.ts) pulls the inputs of what is left into
 *   short intervals;
 * - polynomial approximation of the functions left, on these intervals.
 *
 * Here these are stages of a recipe (recipe.ts), in any order, and training goes on where the paper's ends: the polynomials
 * are trained too, and throughout the model learns from the original (docs/method.md says what each stage does and why).
 *
 * In this file:
 * 1. the original is measured;
 * 2. part by part (a stage, or one layer or norm of it) the model is changed (stages/change.ts), trained
 *    (training/train-stage.ts) and measured (record/row.ts);
 * 3. the finished model gets its final intervals, is measured on data not seen before, and is exported as a graph.
 *
 * Every part's model and row are kept in the folder, and a later call goes on from the last of them. Data order, draws and
 * rates depend on the recipe alone, so an interrupted conversion ends with the same model.
 *
 * @throws the signal's reason when it is aborted; the same call goes on where it stopped
 * @throws OtherRunError for a folder of another conversion, ConfigError where recipe, model and data do not fit
 * @throws UnsupportedPartError naming a part of the model that has no polynomial form
 * @throws CalibrationError for too few training examples
 * @throws UnstableTrainingError where training keeps diverging
 * @throws SiteRangeError where values stay too far apart for a polynomial
 */
export async function convert(
  original: Model,
  recipe: ConversionRecipe,
  options: ConvertOptions,
): Promise<ConvertResult> {
  const folder = new ConversionFolder(options.out);
  folder.claim(recipe, options.modelName, {
    control: options.control ?? false,
    ...(options.data ? { data: dataDigest(options.data) } : {}),
  });
  const conversion = await openConversion(original, recipe, options);
  const stages = planConversion(recipe, original.config, conversion);
  const plan = conversion.control ? withoutChanges(stages) : stages;
  const steps = plan.reduce((sum, part) => sum + part.steps, 0);
  // As the conversion prepares its data, which may differ from how the original's was: a limit of contrast, say.
  const preprocess = { ...original.preprocess, ...preprocessOf(conversion.data) };

  const rows = folder.rows();
  const keep = (row: StageRecord, model: Model) => {
    rows.push(row);
    folder.finishPart(rows, model);
    options.onStage?.(row);
  };
  // 1. The original.
  if (rows.length === 0) keep(await originalRow(conversion), original);

  // 2. Part by part, after those that an earlier call has finished.
  let model: Model = { ...folder.modelAfter(rows.length - 1), preprocess };
  for (const part of plan.slice(rows.length - 1)) {
    options.signal?.throwIfAborted();
    const started = performance.now();
    const change = await applyChange(conversion, part, model);
    const trained = await trainPart(conversion, part, change.model, {
      steps,
      resume: folder.readCheckpoint(part.name),
      save: (checkpoint) => folder.saveCheckpoint(part.name, checkpoint),
      progress: options.progress,
      signal: options.signal,
    });
    model = { ...(trained ?? change).model, preprocess };
    keep(await partRow(conversion, model, { ...part, change, trained, started }), model);
  }

  // 3. The finished model.
  return conclude(conversion, model, rows, folder, options);
}

/** Final intervals, all measurements, and the model as a graph. @throws the signal's reason */
async function conclude(
  conversion: Conversion,
  trained: Model,
  rows: readonly StageRecord[],
  folder: ConversionFolder,
  options: ConvertOptions,
): Promise<ConvertResult> {
  const { control } = conversion;
  const { modelName, endsOnly = false, half = false, tokenizer = conversion.data.tokenizer } = options;
  // A control has no polynomials, and what is measured at its ends alone may keep parts that are none.
  const exports = !control && !endsOnly;
  const done = measurementCounter(rows, { endsOnly, exports }, options);

  const model = control ? trained : await withFinalIntervals(conversion, trained);
  done();
  saveModel(join(options.out, 'trained'), model, tokenizer?.files);

  const measured = await measureConversion(conversion, model, rows, folder, { name: modelName, endsOnly, done });
  if (control) folder.write('conversion.json', measured);
  if (!exports) return { measured, model };

  const card = modelCardOf(conversion, model, measured);
  const exported = await exportPolynomial(conversion, model, options.out, card, { half, tokenizer });
  done();
  const record: ConversionRecord = { ...measured, exported };
  folder.write('conversion.json', record);
  return { record, measured, model };
}

/** Training examples that the final intervals cover, in units of those of calibration, and their margin over what was seen. */
const intervalShare = 4;
const intervalMargin = 1.25;
/** Odd inputs that they cover as well, in the same units. */
const oddShare = 1;

/** The model with intervals for what its sites see now: training has moved their inputs since the polynomials were fitted. */
async function withFinalIntervals(conversion: Conversion, model: Model): Promise<Model> {
  const { calibration } = conversion.recipe;
  const unclamped = withClamp(model, false);
  const usual = await extremesOn(conversion, unclamped, 'train', intervalShare * calibration);
  const odd = oddOn(conversion, 'train', oddShare * calibration);
  const seen = odd ? joinExtremes(usual, await extremesOf(conversion, unclamped, odd.set, odd.forms.length)) : usual;
  return { ...model, ...widenIntervals(model, seen, intervalMargin) };
}
