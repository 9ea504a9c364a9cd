import { join } from 'node:path';
import type { Tokenizer } from '@cipherformer/model';
import { type Model, saveModel } from '../checkpoints/model-folder.ts';
import { preprocessOf } from '../train/assemble.ts';
import type { ConversionRecipe } from './recipe.ts';
import { exportPolynomial } from './record/export.ts';
import { cardOf, finish, measurementsOf } from './record/finish.ts';
import { ConversionFolder } from './record/folder.ts';
import { type ConversionRecord, type MeasuredConversion, type StageRecord, siteRecords } from './record/record.ts';
import { applyChange } from './stages/change.ts';
import { withoutChanges } from './stages/control.ts';
import { type PlanItem, planConversion } from './stages/plan.ts';
import type { Converted } from './substitution/architecture.ts';
import { calibrationCount, normStatistics } from './substitution/calibrate.ts';
import { finished, withClamp } from './substitution/substitute.ts';
import {
  type Conversion,
  calibrationOf,
  extremesOn,
  loadConversionData,
  rangesOn,
  validate,
} from './training/conversion.ts';
import { drawOf } from './training/draw.ts';
import { trainStage } from './training/train-stage.ts';

export interface ConvertProgress {
  readonly piece: string;
  /** Steps done of the whole conversion, and in all. */
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly secondsLeft: number;
}

export interface ConvertOptions {
  /** The folder the recipe's data paths start from. */
  readonly dataRoot: string;
  readonly out: string;
  /** Names the model in records. */
  readonly modelName: string;
  /** For text: the model's own. */
  readonly tokenizer?: Tokenizer;
  readonly threads?: number;
  /** Train the original on instead, by the same recipe without its changes; there is no polynomial model then. */
  readonly control?: boolean;
  /**
   * For ablations and demos: the test set is read for the original and the result alone, and no polynomial model is written
   * (variants that keep a part that is no polynomial have none).
   */
  readonly endsOnly?: boolean;
  readonly onProgress?: (progress: ConvertProgress) => void;
  readonly onStage?: (row: StageRecord) => void;
  /** While the finished model is measured: the test set, ranges, the model as a graph. */
  readonly onMeasured?: (done: number, total: number) => void;
  /** Aborting finishes a few steps and writes a checkpoint, or finishes a measurement, and returns without a record. */
  readonly signal?: AbortSignal;
}

export interface ConvertResult {
  /** Absent when the conversion was interrupted: run it again to go on. */
  readonly record?: ConversionRecord;
  /** The record without the exported model; present when the conversion was finished. */
  readonly measured?: MeasuredConversion;
  readonly model: Model;
}

/** Training examples that the final intervals cover, in units of those of calibration, and their margin over what was seen. */
const intervalShare = 4;
const intervalMargin = 1.25;

/**
 * Converts a trained model to a polynomial one by the stages of a recipe, going on where an earlier call stopped. Data
 * order, draws and rates depend on the recipe alone, so an interrupted conversion ends with the same model.
 */
export async function convert(
  original: Model,
  recipe: ConversionRecipe,
  options: ConvertOptions,
): Promise<ConvertResult> {
  const folder = new ConversionFolder(options.out);
  const control = options.control ?? false;
  folder.claim(recipe, options.modelName, control);
  const data = await loadConversionData(recipe, original, options);
  const conversion: Conversion = { recipe, original, data, threads: options.threads ?? 1, control };
  calibrationCount(data.evaluation('train'), calibrationOf(conversion));
  const stages = planConversion(recipe, original.config, data);
  const plan = control ? withoutChanges(stages) : stages;
  const total = plan.reduce((sum, { steps }) => sum + steps, 0);
  const rows = folder.rows();
  // As the conversion prepared its data, which may differ from how the original's was: a limit of contrast, say.
  const preprocess = { ...original.preprocess, ...preprocessOf(recipe.data) };
  if (rows.length === 0) {
    rows.push(await originalRow(conversion));
    folder.finishPiece(rows, original);
    options.onStage?.(rows[0]!);
  }
  let model: Converted = folder.modelAfter(rows.length - 1);
  for (const item of plan.slice(rows.length - 1)) {
    const row = await runPiece(conversion, item, model, folder, total, options);
    if (!row) return { model: { ...model, preprocess } };
    model = row.model;
    rows.push(row.record);
    folder.finishPiece(rows, { ...model, preprocess });
    options.onStage?.(row.record);
  }
  try {
    return await conclude(conversion, { ...model, preprocess }, rows, folder, options);
  } catch (error) {
    if (options.signal?.aborted && error === options.signal.reason) return { model: { ...model, preprocess } };
    throw error;
  }
}

/** Final intervals, all measurements, and the model as a graph. @throws what the signal is aborted with */
async function conclude(
  conversion: Conversion,
  model: Model,
  rows: readonly StageRecord[],
  folder: ConversionFolder,
  options: ConvertOptions,
): Promise<ConvertResult> {
  const { control } = conversion;
  const { modelName, endsOnly = false } = options;
  // Besides what `finish` measures: the intervals before it, the model as a graph after it.
  const measurements = measurementsOf(rows, endsOnly) + (control || endsOnly ? 1 : 2);
  let measuredSoFar = 0;
  const done = () => {
    options.signal?.throwIfAborted();
    options.onMeasured?.(++measuredSoFar, measurements);
  };
  options.onMeasured?.(0, measurements);
  const result: Model = control ? model : { ...model, ...(await widened(conversion, model)) };
  done();
  saveModel(join(options.out, 'trained'), result, options.tokenizer?.files);
  const measured = await finish(conversion, result, rows, folder, { name: modelName, endsOnly, done });
  if (control) {
    folder.write('conversion.json', measured);
    return { measured, model: result };
  }
  if (endsOnly) return { measured, model: result };
  const card = cardOf(conversion, result, measured);
  const exported = await exportPolynomial(conversion, result, options.out, card, options.tokenizer);
  done();
  const record: ConversionRecord = { ...measured, exported };
  folder.write('conversion.json', record);
  return { record, measured, model: result };
}

/** The model with intervals for what its sites see now. */
async function widened(conversion: Conversion, model: Converted): Promise<Converted> {
  const examples = intervalShare * conversion.recipe.calibration;
  const seen = await extremesOn(conversion, withClamp(model, false), 'train', examples);
  return finished(model, seen, intervalMargin);
}

async function originalRow(conversion: Conversion): Promise<StageRecord> {
  const { original, recipe } = conversion;
  const started = performance.now();
  const { figure, result } = await validate(conversion, original, 'validation');
  return {
    name: 'original',
    change: '',
    complete: true,
    steps: 0,
    seconds: (performance.now() - started) / 1000,
    rollbacks: 0,
    figure,
    validation: result,
    curve: [],
    sites: siteRecords(original, await rangesOn(conversion, original, 'train', recipe.calibration), []),
  };
}

/** Changes the model, trains it and measures it; undefined when aborted on the way. */
async function runPiece(
  conversion: Conversion,
  item: PlanItem,
  before: Converted,
  folder: ConversionFolder,
  total: number,
  options: ConvertOptions,
): Promise<{ model: Converted; record: StageRecord } | undefined> {
  const { recipe, data, threads, original } = conversion;
  const started = performance.now();
  const change = await applyChange(conversion, item, before);
  const { train } = item.stage;
  let { model } = change;
  let trained: Awaited<ReturnType<typeof trainStage>> | undefined;
  if (train) {
    const statistics = await normStatistics(model, data.evaluation('train'), calibrationOf(conversion));
    const resume = folder.readCheckpoint(item.name);
    const draw = await drawOf(conversion, model, train);
    trained = await trainStage(model, {
      name: item.name,
      training: train,
      teacher: original,
      data,
      batch: recipe.batch,
      seed: recipe.seed,
      firstBatch: item.firstBatch,
      variances: new Map([...statistics].map(([name, { variance }]) => [name, variance])),
      threads,
      ...(draw ? { draw } : {}),
      ...(resume ? { resume } : {}),
      ...(options.signal ? { signal: options.signal } : {}),
      save: (checkpoint) => folder.saveCheckpoint(item.name, checkpoint),
      onProgress: ({ step, steps, loss, secondsLeft }) =>
        options.onProgress?.({
          piece: item.name,
          step: item.firstBatch + step,
          steps: total,
          loss,
          secondsLeft: (secondsLeft * (total - item.firstBatch - step)) / Math.max(1, steps - step),
        }),
    });
    if (!trained.finished) return undefined;
    model = trained.model;
  }
  const measured = withClamp(model, false);
  const { figure, result } = await validate(conversion, measured, 'validation');
  const ranges = item.last ? await rangesOn(conversion, measured, 'train', recipe.calibration) : [];
  return {
    model,
    record: {
      name: item.name,
      change: change.description,
      complete: item.last,
      steps: item.steps,
      seconds: trained ? trained.progress.seconds : (performance.now() - started) / 1000,
      rollbacks: trained?.progress.monitor.rollbacks ?? 0,
      figure,
      validation: result,
      curve: trained?.progress.curve ?? [],
      sites: siteRecords(measured, ranges, change.fits),
      ...(change.front.length > 0 ? { front: change.front } : {}),
    },
  };
}
