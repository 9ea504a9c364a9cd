import { rmSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { isCipherformerError } from '@cipherformer/base';
import { readJson, writeAtomically } from '@cipherformer/model/files';
import {
  evaluateModel,
  loadModel,
  parseRecipe,
  type Recipe,
  RunFolder,
  type TrainResult,
  train,
} from '@cipherformer/nn';
import type { Command } from 'commander';
import { loadDataFor } from '../evaluate/data.ts';
import { trainingCurves } from '../plots/training-curves.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { positiveInteger, seedNumber } from '../terminal/numbers.ts';
import { print } from '../terminal/output.ts';
import { type Bar, formatSeconds, startBar } from '../terminal/progress.ts';
import { renderTable } from '../terminal/table.ts';

interface TrainCommandOptions {
  readonly data: string;
  readonly out?: string;
  readonly threads: number;
  readonly seed?: number;
  readonly restart?: boolean;
  readonly test?: boolean;
  readonly log?: string;
  readonly json?: boolean;
}

/** `cipherformer train <recipe.json>`: trains a model, or goes on with a run that was interrupted. */
export function registerTrain(program: Command): void {
  program
    .command('train')
    .description('Train a model from a recipe; run again to continue after an interruption')
    .argument('<recipe>', 'recipe file (JSON)')
    .requiredOption('--data <folder>', "the folder the recipe's data paths start from")
    .option('--out <folder>', 'run folder: checkpoint, metrics, curves, best model (default: runs/<name>)')
    .option('--threads <n>', 'threads for the arithmetic', positiveInteger, 1)
    .option('--seed <n>', "replaces the recipe's seed", seedNumber)
    .option('--restart', 'delete what the run folder holds and start over')
    .option('--test', 'evaluate the best model on the test split at the end (read it once per reported row)')
    .option('--log <file>', 'write a short log (the recipe, one line per evaluation, the final figures) as JSON')
    .option('--json', 'one JSON object on stdout')
    .action(async (file: string, options: TrainCommandOptions) => {
      const parsed = parseRecipe(readJson(file), file);
      const recipe: Recipe =
        options.seed === undefined ? parsed : { ...parsed, training: { ...parsed.training, seed: options.seed } };
      const folder = options.out ?? join('runs', recipe.name);
      if (options.restart) rmSync(folder, { recursive: true, force: true });
      const result = await runWithProgress(recipe, folder, options);
      const curves = await drawCurves(recipe, folder);
      const test = options.test ? await testFigures(recipe, result, options.data) : undefined;
      if (options.log !== undefined) writeAtomically(options.log, shortLog(recipe, folder, result, test));
      const value = { ...result, curves, ...(test ? { test } : {}) };
      print(options.json, {
        value,
        text: () => report(value),
        next: `cipherformer convert ${folder} --recipe <conversion recipe> --data ${options.data}`,
      });
    });
}

/** Path of the curves, or what it takes to draw them: nothing of a run is lost for want of a plot. */
async function drawCurves(recipe: Recipe, folder: string): Promise<string> {
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
function shortLog(recipe: Recipe, folder: string, result: TrainResult, test?: Record<string, number>): string {
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

async function runWithProgress(recipe: Recipe, folder: string, options: TrainCommandOptions): Promise<TrainResult> {
  let bar: Bar | undefined;
  try {
    return await interruptible('stopping after this step; the same command goes on where it stopped', (signal) =>
      train(recipe, {
        dataRoot: options.data,
        runFolder: folder,
        threads: options.threads,
        signal,
        progress(progress) {
          bar ??= startBar(recipe.name, progress.total);
          bar.update(
            progress.done,
            `loss ${progress.loss.toFixed(4)} | ${progress.examplesPerSecond.toFixed(0)} examples/s`,
            progress.secondsLeft,
          );
        },
      }),
    );
  } finally {
    bar?.stop();
  }
}

/** The best model's figures on the test split. */
async function testFigures(recipe: Recipe, result: TrainResult, root: string): Promise<Record<string, number>> {
  const { test } = await loadDataFor(result.modelFolder, recipe.data, root);
  const evaluation = await evaluateModel(loadModel(result.modelFolder), test);
  return Object.fromEntries(
    Object.entries(evaluation).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
  );
}

function report(result: TrainResult & { curves: string; test?: Record<string, number> }): string {
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
