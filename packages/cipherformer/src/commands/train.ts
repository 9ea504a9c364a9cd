import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, writeAtomically } from '@cipherformer/model/files';
import { type Provider, parseRecipe, providers, type Recipe, type TrainResult, train } from '@cipherformer/nn';
import { type Command, Option } from 'commander';
import { figuresOf } from '../evaluate/figures.ts';
import { drawCurves, trainingLog, trainingTable } from '../report/training.ts';
import { commandLine } from '../terminal/command-line.ts';
import { positiveInteger, seedNumber } from '../terminal/numbers.ts';
import { print } from '../terminal/output.ts';
import { withStages } from '../terminal/with-stages.ts';

interface TrainCommandOptions {
  readonly data: string;
  readonly out?: string;
  readonly threads: number;
  readonly provider: Provider;
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
    .addOption(
      new Option('--provider <what>', "what computes the training steps: processors, or ONNX Runtime's CUDA provider")
        .choices(providers)
        .default('cpu'),
    )
    .option('--seed <n>', "replaces the recipe's seed", seedNumber)
    .option('--restart', 'delete what the run folder holds and start over')
    .option('--test', 'evaluate the best model on the test split at the end (read it once per reported row)')
    .option('--log <file>', 'write a short log (the recipe, one line per evaluation, the final figures) as JSON')
    .option('--json', 'one JSON object on stdout')
    .action(trainModel);
}

async function trainModel(file: string, options: TrainCommandOptions): Promise<void> {
  const { data, seed, restart, log, json } = options;
  const parsed = parseRecipe(readJson(file), file);
  const recipe: Recipe = seed === undefined ? parsed : { ...parsed, training: { ...parsed.training, seed } };
  const folder = options.out ?? join('runs', recipe.name);
  if (restart) rmSync(folder, { recursive: true, force: true });
  const result = await run(recipe, folder, options);
  const curves = await drawCurves(recipe, folder);
  const asked = { data: recipe.data, root: data, split: 'test' } as const;
  const test = options.test ? (await figuresOf(result.modelFolder, asked)).figures : undefined;
  if (log !== undefined) writeAtomically(log, trainingLog(recipe, folder, result, test));
  const value = { ...result, curves, ...(test ? { test } : {}) };
  print(json, {
    value,
    text: () => trainingTable(value),
    next: commandLine`cipherformer convert ${folder} --recipe <conversion recipe> --data ${data}`,
  });
}

function run(
  recipe: Recipe,
  runFolder: string,
  { data: dataRoot, threads, provider }: TrainCommandOptions,
): Promise<TrainResult> {
  return withStages('stopping after this step; the same command goes on where it stopped', (signal, { update }) =>
    train(recipe, {
      ...{ dataRoot, runFolder, threads, provider, signal },
      progress({ done, total, loss, examplesPerSecond, secondsLeft }) {
        const detail = `loss ${loss.toFixed(4)} | ${examplesPerSecond.toFixed(0)} examples/s`;
        update({ what: recipe.name, done, total, secondsLeft, detail });
      },
    }),
  );
}
