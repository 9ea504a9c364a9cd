import { cpus } from 'node:os';
import type { OnProgress } from '@cipherformer/base';
import type { ModelCard } from '@cipherformer/model';
import type { Model } from '../../checkpoints/model-folder.ts';
import { otherAnswer } from '../../transformer/config.ts';
import { parameterCount, parameterSpecs } from '../../transformer/weights.ts';
import { activationAt, polynomialsOf, withClamp } from '../substitution/substitute.ts';
import { type Conversion, evaluateOn, extremesOn, oddOn, rangesOn } from '../training/conversion.ts';
import type { ConversionFolder } from './folder.ts';
import { type TestOutcomes, testOutcomes, unpackBits } from './outcomes.ts';
import { comparePaired, type PairedComparison } from './paired.ts';
import {
  conversionFormat,
  countOutOfRange,
  figuresBySplit,
  levelsByLayer,
  type MeasuredConversion,
  type SiteRecord,
  type StageRecord,
  siteRecords,
  stageName,
} from './record.ts';
import { measureRobustness } from './robustness.ts';

/** Facts about the conversion for the model's README. */
export function modelCardOf(
  { recipe, original, data }: Conversion,
  model: Model,
  measured: MeasuredConversion,
): ModelCard {
  const complete = measured.stages.filter((stage) => stage.complete);
  return {
    name: `${recipe.name} in polynomial form`,
    ...(recipe.description ? { description: recipe.description } : {}),
    data: `${recipe.data?.kind ?? data.task}; trained and calibrated on its training part, stages chosen on validation, test read once`,
    stages: complete.flatMap((row) =>
      figuresBySplit(row).map(({ split, value }) => ({
        stage: stageName(row.name),
        metric: `${row.figure}, ${split}`,
        value,
      })),
    ),
    sites: [...polynomialsOf(model).keys()].map((name) => {
      const stood = activationAt({ ...model.config, overrides: original.config.overrides }, name);
      return { name, function: `${typeof stood === 'string' ? stood : 'polynomial'}, then fine-tuned` };
    }),
  };
}

/** Rows that the test set is read for: of complete stages, or the original and the result alone. */
const isTested = (rows: readonly StageRecord[], i: number, endsOnly: boolean): boolean =>
  endsOnly ? i === 0 || i === rows.length - 1 : rows[i]!.complete;

/**
 * Counts the measurements at a conversion's end for who watches: final intervals, a test for each row, ranges on two splits,
 * outcomes of single examples, the model as a graph. What is returned is called after each of them.
 * @throws the signal's reason, from the function returned
 */
export function measurementCounter(
  rows: readonly StageRecord[],
  { endsOnly, exports }: { readonly endsOnly: boolean; readonly exports: boolean },
  { progress, signal }: { readonly progress?: OnProgress; readonly signal?: AbortSignal },
): () => void {
  const tests = rows.filter((_, i) => isTested(rows, i, endsOnly)).length;
  const total = 1 + tests + 2 + (endsOnly ? 0 : 1) + (exports ? 1 : 0);
  let measured = 0;
  progress?.({ what: 'measuring', done: 0, total });
  return () => {
    signal?.throwIfAborted();
    progress?.({ what: 'measuring', done: ++measured, total });
  };
}

/**
 * Reads the test set, once: every complete stage, out-of-range counts, and the comparison with the original. With
 * `endsOnly` the stages between and the outcomes of single examples are left out. `done` is called after each measurement.
 */
export async function measureConversion(
  conversion: Conversion,
  model: Model,
  rows: readonly StageRecord[],
  folder: ConversionFolder,
  { name, endsOnly, done }: { readonly name: string; readonly endsOnly: boolean; readonly done: () => void },
): Promise<MeasuredConversion> {
  const stages: StageRecord[] = [];
  for (const [i, row] of rows.entries()) {
    if (!isTested(rows, i, endsOnly)) stages.push(row);
    else {
      const last = i === rows.length - 1;
      const measured = last ? model : withClamp(folder.modelAfter(i), false);
      const test = (await evaluateOn(conversion, measured, 'test')).result;
      stages.push({ ...row, test, ...(last && { sites: await finalSites(conversion, model, row) }) });
      done();
    }
  }
  const outside = async (split: 'validation' | 'test') => {
    const seen = polynomialsOf(model).size > 0 ? await extremesOn(conversion, model, split, 20_000) : [];
    done();
    return countOutOfRange(model, seen);
  };
  const outOfRange = { validation: await outside('validation'), test: await outside('test') };
  // Where no class is chosen no answer is right or wrong.
  const other = otherAnswer(model.config) !== undefined;
  const outcomes = endsOnly || other ? undefined : await testOutcomes(conversion, model);
  if (!endsOnly) done();
  const odd = endsOnly || conversion.control ? undefined : oddOn(conversion, 'test', oddExamples);
  return {
    format: conversionFormat,
    name,
    recipe: conversion.recipe,
    machine: `${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`,
    parameters: parameterCount(parameterSpecs(model.config)),
    stages,
    levels: levelsByLayer(model),
    outOfRange,
    ...(odd && { robustness: await measureRobustness(conversion, model, odd) }),
    ...(conversion.control && { control: true as const }),
    ...(outcomes && { outcomes, ...(!conversion.control && pairedOf(outcomes)) }),
    seconds: rows.reduce((sum, { seconds }) => sum + seconds, 0),
  };
}

/** Inputs that robustness is measured on. */
const oddExamples = 600;

/** The last stage's sites with the finished model's intervals; the errors are still those of the fit. */
async function finalSites(conversion: Conversion, model: Model, row: StageRecord): Promise<readonly SiteRecord[]> {
  const fits = row.sites.flatMap(({ name, polynomial }) => (polynomial ? [{ site: name, ...polynomial }] : []));
  return siteRecords(model, await rangesOn(conversion, model, 'train', conversion.recipe.calibration), fits);
}

function pairedOf(outcomes: TestOutcomes): { readonly paired?: PairedComparison } {
  if (outcomes.kind !== 'right') return {};
  const { original, result, examples } = outcomes;
  return { paired: comparePaired(unpackBits(original, examples), unpackBits(result, examples)) };
}
