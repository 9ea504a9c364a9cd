import { existsSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gib } from '@cipherformer/base';
import { readJson, writeAtomically } from '@cipherformer/model/files';
import {
  type ChosenRecipe,
  type ConversionRecipe,
  type ConversionRecord,
  type ConvertOptions,
  type ConvertResult,
  convert,
  estimateConversion,
  judgeTargets,
  loadModel,
  loadModelTokenizer,
  type MeasuredConversion,
  type Model,
  modelPath,
  parseConversion,
  promised,
  reportLines,
  type Shortfall,
  type StageRecord,
  shortfalls,
  stageName,
} from '@cipherformer/nn';
import { type Command, InvalidArgumentError } from 'commander';
import { chooseFor, chooseOnOwnTexts, selfWritten } from '../door/convert.ts';
import { loadModel as loadTrained, type TrainedModel } from '../door/load-model.ts';
import { openOwnData } from '../door/own-data.ts';
import { controlFolder, isFinished, readReportSource, writeConversionReport } from '../report/conversion.ts';
import { type PlanFigures, predictedPlan } from '../shapes/plan-figures.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { positiveInteger, seedNumber } from '../terminal/numbers.ts';
import { print } from '../terminal/output.ts';
import { type Bar, formatSeconds, startBar, startStages } from '../terminal/progress.ts';
import { renderTable } from '../terminal/table.ts';

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
    .option('--hours <n>', 'processor time that the chosen recipe may take', hours)
    .option('--quick', 'a first model in minutes: a tenth of the steps')
    .option('--write-recipe <file>', 'write the chosen recipe, to be edited, and stop')
    .option('--out <folder>', 'folder of the conversion (default: runs/convert-<name>)')
    .option('--threads <n>', 'threads for the arithmetic', positiveInteger, 1)
    .option('--seed <n>', "replaces the recipe's seed", seedNumber)
    .option(
      '--control',
      'train the original on by the same recipe without its changes ("original, continued"), into control/ of the folder',
    )
    .option('--half', 'write weights with 16 bits: half the size')
    .option('--restart', 'delete what the folder holds and start over')
    .option('--dry-run', 'show the stages, the time on this machine and the levels, and stop')
    .option('--json', 'one JSON object on stdout')
    .action(async (path: string, options: ConvertCommandOptions) => {
      const given = options.recipe === undefined ? undefined : readRecipe(options.recipe, options.seed);
      const task = given?.data ? recipeTask(path, given, options.data ?? '.') : await ownTask(path, options, given);
      const { model, recipe, ...examples } = task;
      const data = options.data === undefined ? '' : ` --data ${options.data}`;
      if (options.writeRecipe !== undefined) {
        writeAtomically(options.writeRecipe, `${JSON.stringify(recipe, null, 2)}\n`);
        const next = `cipherformer convert ${path} --recipe ${options.writeRecipe}${data}`;
        return print(options.json, {
          value: { recipe: options.writeRecipe },
          text: `recipe: ${options.writeRecipe}`,
          next,
        });
      }
      if (options.dryRun) {
        const plan = {
          ...(await estimateConversion(model, recipe, examples)),
          encrypted: predictedPlan(model.config, recipe, tokensOf(task)),
        };
        const next = `cipherformer convert ${path}${options.recipe === undefined ? '' : ` --recipe ${options.recipe}`}${data}`;
        return print(options.json, { value: plan, text: () => planTable(plan), next });
      }
      const folderOfAll = options.out ?? join('runs', `convert-${recipe.name}`);
      const out = options.control ? join(folderOfAll, controlFolder) : folderOfAll;
      if (options.restart) rmSync(out, { recursive: true, force: true });
      const { record, measured } = await runWithProgress(task, path, out, options);
      if (isFinished(folderOfAll)) {
        const source = readReportSource(folderOfAll);
        if (source.unfitControl) process.stderr.write(`${source.unfitControl}\n`);
        await writeConversionReport(source, join(folderOfAll, 'report.html'));
      }
      const whole = record ? { ...record, targets: judgeTargets(record), shortfalls: shortfalls(record) } : measured;
      print(options.json, {
        value: whole,
        text: () => (record ? report(record, out) : controlReport(measured, out)),
        next: record ? `cipherformer compile ${out} --out program` : undefined,
      });
    });
}

/** What is converted, by what, on what. */
interface Task extends Pick<ConvertOptions, 'data' | 'dataRoot' | 'tokenizer'> {
  readonly model: Model;
  readonly recipe: ConversionRecipe;
}

function readRecipe(file: string, seed: number | undefined): ConversionRecipe {
  const recipe = parseConversion(readJson(file), file);
  return seed === undefined ? recipe : { ...recipe, seed };
}

/** By a recipe that names its data. */
function recipeTask(path: string, recipe: ConversionRecipe, root: string): Task {
  const folder = modelPath(path);
  const model = loadModel(folder, existsSync(root) ? root : dirname(folder));
  const tokenizer = model.config.embedding.kind === 'token' ? loadModelTokenizer(folder, root) : undefined;
  return { model, recipe, dataRoot: root, ...(tokenizer ? { tokenizer } : {}) };
}

/** Data as people have it, and a recipe chosen for it where none is given; told before anything starts. */
async function ownTask(
  path: string,
  options: ConvertCommandOptions,
  given: ConversionRecipe | undefined,
): Promise<Task> {
  const { textColumn, imageColumn, labelColumn, validation, test, seed } = options;
  const model = await loadTrained(path);
  if (options.data === undefined) return ownTextsTask(model, options, given);
  const columns = {
    ...(textColumn === undefined ? {} : { text: textColumn }),
    ...(imageColumn === undefined ? {} : { image: imageColumn }),
    ...(labelColumn === undefined ? {} : { label: labelColumn }),
  };
  const from = { from: options.data, columns, skip: options.skipRows ?? false };
  const parts = { ...(validation === undefined ? {} : { validation }), ...(test === undefined ? {} : { test }) };
  const seeded = seed === undefined ? {} : { seed };
  const data = await openOwnData({ ...from, ...parts, ...seeded }, model, options.tokens);
  tell(reportLines(data.report));
  const tokenizer = model.tokenizer ? { tokenizer: model.tokenizer } : {};
  if (given) return { model, recipe: given, data, ...tokenizer };
  const recipe = await chosen(model, { data, ...tokenizer }, options, (more) => chooseFor(model, data, more));
  return { model, recipe, data, ...tokenizer };
}

/** A language model on texts that it writes itself. @throws UsageError for another model: that needs examples */
async function ownTextsTask(
  model: TrainedModel,
  options: ConvertCommandOptions,
  given: ConversionRecipe | undefined,
): Promise<Task> {
  const data = selfWritten(model, options.tokens);
  const tokenizer = model.tokenizer ? { tokenizer: model.tokenizer } : {};
  tell([`no data: ${data.texts} texts of ${data.tokens} tokens that the model writes itself`]);
  const choose = (more: ChooseMore) => chooseOnOwnTexts(model, data, more);
  const recipe = given ? { ...given, data } : await chosen(model, tokenizer, options, choose);
  return { model, recipe, ...tokenizer };
}

type ChooseMore = NonNullable<Parameters<typeof chooseFor>[2]>;

/** A recipe for a model and data that nobody wrote one for, told before anything starts. */
async function chosen(
  model: TrainedModel,
  examples: Pick<Task, 'data' | 'tokenizer'>,
  { seed, quick = false, hours }: ConvertCommandOptions,
  choose: (options: ChooseMore) => ChosenRecipe,
): Promise<ConversionRecipe> {
  const seeded = seed === undefined ? {} : { seed };
  const usual = choose({ quick, ...seeded });
  const plan = await estimateConversion(model, usual.recipe, examples);
  const secondsPerStep = plan.seconds / plan.steps;
  const { recipe, reasons, steps } = hours === undefined ? usual : choose({ quick, ...seeded, hours, secondsPerStep });
  const { fewest, most } = plan.levelsPerLayer;
  tell([
    ...reasons,
    `about ${formatSeconds(steps * secondsPerStep)} on this machine; ${fewest === most ? fewest : `${fewest} to ${most}`} levels for the polynomials of a layer`,
    encryptedLine(predictedPlan(model.config, recipe, tokensOf({ ...examples, recipe }))),
    costLine(model.config.task === 'language-model'),
  ]);
  return recipe;
}

const encryptedLine = ({ cpuSeconds, keyBytes, peakBytes }: PlanFigures) =>
  `encrypted, predicted for this shape: ${cpuSeconds.toFixed(0)} s of processor time an input, ${gib(keyBytes)} of keys, ${gib(peakBytes)} of memory`;

const costLine = (language: boolean) =>
  `what such conversions cost: ${language ? `a perplexity of at most x ${Math.exp(promised.natsPerCharacter).toFixed(2)}` : `at most ${(100 * promised.accuracy).toFixed(1)} points of accuracy`}, mostly far less (docs/results.md); where yours costs more, the stage that lost it is named`;

const tell = (lines: readonly string[]) => process.stderr.write(lines.map((line) => `${line}\n`).join(''));

/** @throws InvalidArgumentError for what is no positive number */
function hours(text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('It must be a positive number of hours: 0.5, 2.');
}

async function runWithProgress(
  { model, recipe, ...examples }: Task,
  modelName: string,
  out: string,
  options: ConvertCommandOptions,
): Promise<ConvertResult> {
  let bar: Bar | undefined;
  const measuring = startStages();
  try {
    return await interruptible(
      'stopping within 20 steps, or after this measurement; the same command goes on where it stopped',
      (signal) =>
        convert(model, recipe, {
          ...examples,
          out,
          modelName,
          threads: options.threads,
          control: options.control ?? false,
          half: options.half ?? false,
          signal,
          progress({ what, done, total, loss, secondsLeft }) {
            if (loss === undefined) {
              bar?.stop();
              bar = undefined;
              measuring.update({ what, done, total });
              return;
            }
            bar ??= startBar(recipe.name, total);
            bar.update(done, `${what} | loss ${loss.toFixed(4)}`, secondsLeft);
          },
          onStage: (row) => process.stderr.write(`${stageLine(row)}\n`),
        }),
    );
  } finally {
    bar?.stop();
    measuring.stop();
  }
}

const figureOf = (row: StageRecord, values: Readonly<Record<string, number>> | undefined): string => {
  const value = values?.[row.figure];
  if (value === undefined) return '-';
  return row.figure === 'accuracy' ? `${(100 * value).toFixed(2)} %` : value.toFixed(4);
};

const stageLine = (row: StageRecord): string =>
  `${row.name}: ${row.figure} ${figureOf(row, row.validation)} on validation, ${row.steps} steps, ` +
  `${formatSeconds(row.seconds)}${row.rollbacks > 0 ? `, ${row.rollbacks} roll-backs` : ''}`;

const stagesOf = ({ stages }: MeasuredConversion): string =>
  renderTable(
    ['stage', 'change', 'validation', 'test', 'steps', 'time'],
    stages
      .filter((row) => row.complete)
      .map((row) => [
        stageName(row.name),
        row.change.length > 48 ? `${row.change.slice(0, 45)}...` : row.change,
        figureOf(row, row.validation),
        figureOf(row, row.test),
        row.steps,
        formatSeconds(row.seconds),
      ]),
  );

const controlReport = (record: MeasuredConversion, out: string): string =>
  [
    stagesOf(record),
    'the original, continued: no part was changed; its last row is what the polynomial model is compared with',
    `written to ${out}: trained/, conversion.json; cipherformer compare <folders> sets it beside conversions`,
  ].join('\n');

function report(record: ConversionRecord, out: string): string {
  const complete = record.stages.filter((row) => row.complete);
  const first = record.stages[0]!.sites;
  const sites = renderTable(
    ['site', 'before', 'after', 'interval', 'degree', 'levels', 'test examples outside'],
    complete.at(-1)!.sites.flatMap(({ name, min, max, polynomial }) => {
      if (!polynomial) return [];
      const before = first.find((site) => site.name === name || site.name === name.replace('.activation', '.softmax'));
      const span = (low: number, high: number) => `${low.toFixed(1)} .. ${high.toFixed(1)}`;
      return [
        [
          name,
          before ? span(before.min, before.max) : '-',
          span(min, max),
          span(polynomial.low, polynomial.high),
          polynomial.degree,
          polynomial.levels,
          record.outOfRange.test.sites[name] ?? 0,
        ],
      ];
    }),
  );
  const { test } = record.outOfRange;
  const lines = [
    stagesOf(record),
    sites,
    `levels of polynomials by layer: ${Object.values(record.levels).join(', ')}`,
    `test examples with any value outside: ${test.any} of ${test.examples}`,
    ...(record.robustness
      ? [
          `inputs unlike any training example: ${record.robustness.outside} of ${record.robustness.examples} outside; ` +
            `of the others ${record.robustness.agree} answered as the original does`,
        ]
      : []),
    ...(record.paired
      ? [
          `right in the original alone ${record.paired.onlyOriginal}, in the polynomial model alone ` +
            `${record.paired.onlyPolynomial} (McNemar p = ${record.paired.p.toPrecision(2)})`,
        ]
      : []),
    targetLine(record),
    ...shortfalls(record).flatMap(shortfallLines),
    `levels: ${record.exported.levels.parts.map(({ name, levels: n }) => `${name} ${n}`).join(', ')}; in all ${record.exported.levels.total}`,
    `written to ${out}: the polynomial model, trained/ (to evaluate or train on), conversion.json, report.html`,
  ];
  return lines.join('\n');
}

function targetLine(record: ConversionRecord): string {
  const verdicts = judgeTargets(record).map(({ target, limit, measured, met }) => {
    // A miss by less than three digits show must not read as the limit.
    return `${target} ${Number(measured.toPrecision(met ? 3 : 8))} (at most ${limit}${met ? '' : ', MISSED'})`;
  });
  return `range targets, worst site: ${verdicts.join(', ')}`;
}

/** Length of the sequences of texts; undefined for images. */
function tokensOf({ recipe, data }: Pick<Task, 'recipe' | 'data'>): number | undefined {
  const from = data?.train ?? recipe.data;
  return from && 'tokens' in from ? from.tokens : undefined;
}

/** What fell short, where it was lost, and what to try. */
function shortfallLines({ what, measured, promised: limit, stage, site, advice }: Shortfall): string[] {
  const points = (share: number) => `${(100 * share).toFixed(2)} points`;
  const factor = (nats: number) => `x ${Math.exp(nats).toFixed(3)}`;
  const percent = (share: number) => `${(100 * share).toPrecision(2)} %`;
  const [title, value] = {
    accuracy: ['accuracy below the original', points] as const,
    natsPerCharacter: ['perplexity', factor] as const,
    outside: ['test examples outside', percent] as const,
    oddOutside: ['inputs unlike any training example outside', percent] as const,
  }[what];
  const where = stage
    ? `; most was lost in the stage "${stage.name}" (${value(stage.loss)} on validation)`
    : site === undefined
      ? ''
      : `; most at ${site}`;
  return [
    `SHORT of what is promised: ${title} ${value(measured)}, at most ${value(limit)}${where}`,
    ...advice.map((line) => `  to try: ${line}`),
  ];
}

function planTable(plan: Awaited<ReturnType<typeof estimateConversion>> & { readonly encrypted: PlanFigures }): string {
  const rows = plan.parts.map(({ name, steps, seconds }) => [name, steps, formatSeconds(seconds)]);
  const { fewest, most } = plan.levelsPerLayer;
  return [
    renderTable(['part', 'steps', 'time'], rows),
    `${plan.steps} steps, about ${formatSeconds(plan.seconds)} on this machine (${(plan.seconds / 3600).toFixed(2)} h; timed on ${plan.timedSteps} steps)`,
    `levels of a layer's polynomials: ${fewest === most ? fewest : `${fewest} to ${most}`}; linear maps and products add 6, packing 1`,
    encryptedLine(plan.encrypted),
  ].join('\n');
}
