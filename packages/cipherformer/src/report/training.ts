import { cpus } from 'node:os';
import { join } from 'node:path';
import { isCipherformerError } from '@cipherformer/base';
import { writeAtomically } from '@cipherformer/model/files';
import { type Recipe, RunFolder, type TrainResult } from '@cipherformer/nn';
import type { Figures } from '../evaluate/figures.ts';
import { trainingCurves } from '../plots/training-curves.ts';
import { formatSeconds } from '../terminal/progress.ts';
import { renderTable } from '../terminal/table.ts';

/** Path of the curves, or what it takes to draw them: nothing of a run is lost for want of a plot. */
export async function drawCurves(recipe: Recipe, folder: string): Promise<string> {
  const path = join(folder, 'curves.svg');
  try {
    writeAtomically(path, await trainingCurves(recipe.name, new RunFolder(folder).readMetrics()));
    return path;
  } catch (error) {
    if (isCipherformerError(error) && error.code === 'missing-package') return `not drawn: ${error.hint}`;
    throw error;
  }
}

/** What is worth keeping of a run when its folder is gone; the recipe is kept whole, so that the log says what ran. */
export function trainingLog(recipe: Recipe, folder: string, result: TrainResult, test?: Figures): string {
  const evaluations = new RunFolder(folder)
    .readMetrics()
    .filter((line) => line.validation)
    .map(({ step, epoch, loss, learningRate, cpuSeconds, validation }) => ({
      step,
      epoch,
      loss,
      learningRate,
      cpuSeconds,
      ...validation,
    }));
  const { steps, best, bestStep, cpuSeconds, wallSeconds } = result;
  const machine = `${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`;
  const log = { recipe, machine, steps, best, bestStep, cpuSeconds, wallSeconds, test, evaluations };
  return `${JSON.stringify(log, null, 1)}\n`;
}

/** What a training run gave. */
export function trainingTable(result: TrainResult & { readonly curves: string; readonly test?: Figures }): string {
  const figures = (values: Readonly<Record<string, number>>) =>
    Object.entries(values)
      .map(([name, value]) => `${name} ${Number(value.toPrecision(5))}`)
      .join(', ');
  const rows: [string, string][] = [
    ['steps', `${result.steps}`],
    [
      'best on validation',
      result.best === undefined ? '-' : `${result.best.toPrecision(5)} at step ${result.bestStep}`,
    ],
    ['last validation', figures(result.validation) || '-'],
    ...(result.test ? [['test', figures(result.test)] as [string, string]] : []),
    ['time', `${formatSeconds(result.wallSeconds)} (${formatSeconds(result.cpuSeconds)} of CPU)`],
    ['model', result.modelFolder],
    ['curves', result.curves],
  ];
  return renderTable(['run', result.runFolder], rows);
}
