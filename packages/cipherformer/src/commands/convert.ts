import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { given } from '@cipherformer/base';
import { writeAtomically } from '@cipherformer/model/files';
import {
  type ConvertResult,
  convert,
  judgeTargets,
  type Provider,
  providers,
  shortfalls,
  undecided,
} from '@cipherformer/nn';
import { type Command, Option } from 'commander';
import { type PreparedConversion, planConversion, prepareConversion } from '../door/prepare-conversion.ts';
import { controlFolder, isFinished, readReportSource, writeConversionReport } from '../report/conversion.ts';
import { controlText, conversionText, planText, stageLine } from '../report/conversion-text.ts';
import { commandLine, typedAgain } from '../terminal/command-line.ts';
import { positiveInteger, positiveNumber, seedNumber } from '../terminal/numbers.ts';
import { note, print } from '../terminal/output.ts';
import { withStages } from '../terminal/with-stages.ts';

interface ConvertCommandOptions {
  readonly recipe?: string;
  readonly data?: string;
  readonly validation?: string;
  readonly test?: string;
  readonly textColumn?: string;
  readonly imageColumn?: string;
  readonly labelColumn?: string;
  readonly skipRows?: boolean;
  readonly tokens?: number;
  readonly hours?: number;
  readonly quick?: boolean;
  readonly writeRecipe?: string;
  readonly half?: boolean;
  readonly out?: string;
  readonly threads: number;
  readonly provider: Provider;
  readonly seed?: number;
  readonly control?: boolean;
  readonly restart?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** `cipherformer convert <model>`: a trained transformer to polynomial form, stage by stage; run again to go on. */
export function registerConvert(program: Command): void {
  program
    .command('convert')
    .description('Convert a trained model to polynomial form; run again to continue after an interruption')
    .argument('<model>', 'model folder, run folder, or adapter recipe (.json)')
    .option('--data <path>', "your examples: CSV, TSV, JSON lines, Parquet, or a folder of pictures by class, IDX or CIFAR files; with --recipe, the folder its data paths start from; a language model needs none: it writes its own texts") // biome-ignore format: a line each
    .option('--recipe <file>', 'conversion recipe (JSON); without one it is chosen by model, task and data')
    .option('--validation <path>', 'examples to choose by, apart (default: held out of --data)')
    .option('--test <path>', 'examples to measure on, apart (default: held out of --data)')
    .option('--text-column <name>', 'column of texts (default: guessed, and told)')
    .option('--image-column <name>', 'column of pictures')
    .option('--label-column <name>', 'column of labels')
    .option('--skip-rows', 'leave out rows that are not understood, instead of refusing the data')
    .option('--tokens <n>', 'length that texts are cut and filled to (default: 128, or what the model takes)', positiveInteger) // biome-ignore format: a line each
    .option('--hours <n>', 'processor time that the chosen recipe may take', positiveNumber)
    .option('--quick', 'a first model in minutes: a tenth of the steps')
    .option('--write-recipe <file>', 'write the chosen recipe, to be edited, and stop')
    .option('--out <folder>', 'folder of the conversion (default: runs/convert-<name>)')
    .option('--threads <n>', 'threads for the arithmetic', positiveInteger, 1)
    .addOption(
      new Option('--provider <what>', "what computes the training steps: processors, or ONNX Runtime's CUDA provider")
        .choices(providers)
        .default('cpu'),
    )
    .option('--seed <n>', "replaces the recipe's seed", seedNumber)
    .option(
      '--control',
      'train the original on by the same recipe without its changes ("original, continued"), into control/ of the folder',
    )
    .option('--half', 'write weights with 16 bits: half the size')
    .option('--restart', 'delete what the folder holds and start over')
    .option('--dry-run', 'show the stages, the time on this machine and the levels, and stop')
    .option('--json', 'one JSON object on stdout')
    .action(convertModel);
}

/** What has done its part once the recipe is written. */
const choosing = ['--write-recipe', '--recipe', '--hours', '--quick', '--dry-run'];

async function convertModel(path: string, options: ConvertCommandOptions, verb: Command): Promise<void> {
  const { writeRecipe, dryRun, json, textColumn: text, imageColumn: image, labelColumn: label } = options;
  const columns = given({ text, image, label });
  const prepared = await prepareConversion(path, { ...options, columns, skip: options.skipRows, note });
  const { recipe } = prepared;
  if (writeRecipe !== undefined) {
    writeAtomically(writeRecipe, `${JSON.stringify(recipe, null, 2)}\n`);
    return print(json, {
      value: { recipe: writeRecipe },
      text: `recipe: ${writeRecipe}`,
      next: typedAgain(verb, choosing, commandLine`--recipe ${writeRecipe}`),
    });
  }
  if (dryRun) {
    const plan = await planConversion(prepared);
    return print(json, { value: plan, text: () => planText(plan), next: typedAgain(verb, ['--dry-run']) });
  }
  const folder = options.out ?? join('runs', `convert-${recipe.name}`);
  const out = options.control ? join(folder, controlFolder) : folder;
  if (options.restart) rmSync(out, { recursive: true, force: true });
  const { record, measured } = await run(prepared, path, out, options);
  if (isFinished(folder)) {
    const source = readReportSource(folder);
    if (source.unfitControl) note(source.unfitControl);
    await writeConversionReport(source, join(folder, 'report.html'));
  }
  print(json, {
    value: record
      ? { ...record, targets: judgeTargets(record), shortfalls: shortfalls(record), undecided: undecided(record) }
      : measured,
    text: () => (record ? conversionText(record, out) : controlText(measured, out)),
    next: record ? commandLine`cipherformer serve ${out}` : undefined,
  });
}

function run(
  { model, recipe, ...examples }: PreparedConversion,
  modelName: string,
  out: string,
  { threads, provider, control = false, half = false }: ConvertCommandOptions,
): Promise<ConvertResult> {
  const stopping = 'stopping within 20 steps, or after this measurement; the same command goes on where it stopped';
  return withStages(stopping, (signal, stages) =>
    convert(model, recipe, {
      ...{ ...examples, out, modelName, threads, provider, control, half, signal },
      progress: ({ what, done, total, loss, secondsLeft }) =>
        stages.update(
          loss === undefined
            ? { what, done, total }
            : { what: recipe.name, done, total, secondsLeft, detail: `${what} | loss ${loss.toFixed(4)}` },
        ),
      onStage: (row) => stages.note(stageLine(row)),
    }),
  );
}
