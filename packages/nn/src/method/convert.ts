import { cpus } from 'node:os';
import { join } from 'node:path';
import { loadTask, type TaskData } from '../data/task.ts';
import { ConfigError } from '../errors.ts';
import { InferenceModel } from '../evaluate/inference.ts';
import { evaluateClassification } from '../evaluate/metrics.ts';
import { recordRanges } from '../evaluate/ranges.ts';
import { createValidator } from '../evaluate/validator.ts';
import { type Model, saveModel } from '../files/model-folder.ts';
import { parameterCount, parameterSpecs } from '../model/weights.ts';
import type { ModelCard } from '../polynomial/index.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { Converted } from './architecture.ts';
import { calibrationCount, normStatistics } from './calibrate.ts';
import { applyChange } from './change.ts';
import { exportPolynomial } from './export.ts';
import { ConversionFolder } from './folder.ts';
import { type PlanItem, planConversion } from './plan.ts';
import type { ConversionRecipe } from './recipe.ts';
import {
  type ConversionRecord,
  comparePaired,
  conversionFormat,
  countOutOfRange,
  levelsByLayer,
  type MeasuredConversion,
  type PairedComparison,
  type StageRecord,
  siteRecords,
} from './record.ts';
import { activationAt, finished, polynomialsOf, withClamp } from './substitute.ts';
import { trainStage } from './train-stage.ts';

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
  readonly onProgress?: (progress: ConvertProgress) => void;
  readonly onStage?: (row: StageRecord) => void;
  /** Aborting finishes a few steps, writes a checkpoint and returns without a record. */
  readonly signal?: AbortSignal;
}

export interface ConvertResult {
  /** Absent when the conversion was interrupted: run it again to go on. */
  readonly record?: ConversionRecord;
  readonly model: Model;
}

/** What the pieces of a conversion share. */
export interface Conversion {
  readonly recipe: ConversionRecipe;
  readonly original: Model;
  readonly data: TaskData;
  readonly threads: number;
}

export async function loadConversionData(
  recipe: ConversionRecipe,
  model: Model,
  options: Pick<ConvertOptions, 'dataRoot' | 'tokenizer'>,
): Promise<TaskData> {
  const data = await loadTask(recipe.data, {
    root: options.dataRoot,
    batch: recipe.batch,
    seed: recipe.seed,
    labelSmoothing: 0,
    ...(options.tokenizer ? { tokenizer: options.tokenizer } : {}),
  });
  const { head, embedding } = model.config;
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
  folder.claim(recipe, options.modelName);
  const data = await loadConversionData(recipe, original, options);
  const conversion: Conversion = { recipe, original, data, threads: options.threads ?? 1 };
  calibrationCount(data.evaluation('train'), calibration(conversion));
  const plan = planConversion(recipe, original.config, data);
  const total = plan.reduce((sum, { steps }) => sum + steps, 0);
  const rows = folder.rows();
  const { preprocess } = original;
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
  const result: Model = { ...finished(model), preprocess };
  saveModel(join(options.out, 'trained'), result, options.tokenizer?.files);
  const measured = await finish(conversion, result, rows, folder, plan, options.modelName);
  const card = cardOf(conversion, result, measured);
  const exported = await exportPolynomial(conversion, result, options.out, card, options.tokenizer);
  const record: ConversionRecord = { ...measured, exported };
  folder.write('conversion.json', record);
  return { record, model: result };
}

/** Facts about the conversion for the model's README. */
function cardOf({ recipe, original }: Conversion, model: Model, measured: MeasuredConversion): ModelCard {
  const complete = measured.stages.filter((stage) => stage.complete);
  return {
    name: `${recipe.name} in polynomial form`,
    ...(recipe.description ? { description: recipe.description } : {}),
    data: `${recipe.data.kind}; trained and calibrated on its training part, stages chosen on validation, test read once`,
    stages: complete.flatMap(({ name, figure, validation, test }) => [
      { stage: name, metric: `${figure}, validation`, value: validation[figure]! },
      ...(test ? [{ stage: name, metric: `${figure}, test`, value: test[figure]! }] : []),
    ]),
    sites: [...polynomialsOf(model).keys()].map((name) => {
      const stood = activationAt({ ...model.config, overrides: original.config.overrides }, name);
      return { name, function: `${typeof stood === 'string' ? stood : 'polynomial'}, then fine-tuned` };
    }),
  };
}

const calibration = ({ recipe, data, threads }: Conversion) => ({
  limit: recipe.calibration,
  threads,
  ...(data.tokens ? { tokens: data.tokens } : {}),
});

const rangesOn = (
  { data, threads }: Conversion,
  model: Converted,
  split: 'train' | 'validation' | 'test',
  limit: number,
) =>
  recordRanges(model.config, model.weights, data.evaluation(split), {
    limit,
    threads,
    batch: 25,
    hidden: true,
    ...(data.tokens ? { tokens: data.tokens } : {}),
  });

async function validate({ data, threads }: Conversion, model: Converted, split: 'validation' | 'test') {
  const validator = await createValidator(model.config, model.weights, data, split, threads);
  try {
    return { figure: validator.figure, result: await validator.run(model.weights) };
  } finally {
    await validator.close();
  }
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
    const statistics = await normStatistics(model, data.evaluation('train'), calibration(conversion));
    const resume = folder.readCheckpoint(item.name);
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

/** Reads the test set, once: every complete stage, out-of-range counts, and the comparison with the original. */
async function finish(
  conversion: Conversion,
  model: Model,
  rows: readonly StageRecord[],
  folder: ConversionFolder,
  plan: readonly PlanItem[],
  name: string,
): Promise<MeasuredConversion> {
  const stages: StageRecord[] = [];
  for (const [i, row] of rows.entries()) {
    if (!row.complete) stages.push(row);
    else {
      const measured = i === plan.length ? model : withClamp(folder.modelAfter(i), false);
      stages.push({ ...row, test: (await validate(conversion, measured, 'test')).result });
    }
  }
  const outside = async (split: 'validation' | 'test') =>
    countOutOfRange(model, await rangesOn(conversion, model, split, 20_000));
  const paired = await pairedOnTest(conversion, model);
  return {
    format: conversionFormat,
    name,
    recipe: conversion.recipe,
    machine: `${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`,
    parameters: parameterCount(parameterSpecs(model.config)),
    stages,
    levels: levelsByLayer(model),
    outOfRange: { validation: await outside('validation'), test: await outside('test') },
    ...(paired ? { paired } : {}),
    seconds: rows.reduce((sum, { seconds }) => sum + seconds, 0),
  };
}

async function pairedOnTest(
  { original, data, threads }: Conversion,
  model: Converted,
): Promise<PairedComparison | undefined> {
  const set = data.evaluation('test');
  if (set.kind !== 'classification') return undefined;
  const rightOf = async ({ config, weights }: Converted) => {
    const inference = await InferenceModel.create(config, weights, {
      batch: Math.min(50, set.count),
      threads,
      ...(data.tokens ? { tokens: data.tokens } : {}),
    });
    try {
      const { predictions } = await evaluateClassification(inference, set);
      return [...predictions].map((predicted, i) => predicted === set.label(i));
    } finally {
      await inference.close();
    }
  };
  return comparePaired(await rightOf(original), await rightOf(model));
}
