import { existsSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Tokenizer } from '@cipherformer/model';
import { readJson } from '@cipherformer/model/files';
import {
  type ConversionRecipe,
  type ConversionRecord,
  type ConvertResult,
  convert,
  estimateConversion,
  judgeTargets,
  loadModel,
  loadTokenizer,
  type MeasuredConversion,
  type Model,
  parseConversion,
  type StageRecord,
  stageName,
} from '@cipherformer/nn';
import type { Command } from 'commander';
import { controlFolder, isFinished, readReportSource, writeConversionReport } from '../report/conversion.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { positiveInteger, seedNumber } from '../terminal/numbers.ts';
import { print } from '../terminal/output.ts';
import { type Bar, formatSeconds, startBar, startStages } from '../terminal/progress.ts';
import { renderTable } from '../terminal/table.ts';
import { modelPath } from './eval.ts';

interface ConvertCommandOptions {
  readonly recipe: string;
  readonly data: string;
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
    .description('Convert a trained model to polynomial form by a recipe; run again to continue after an interruption')
    .argument('<model>', 'model folder, run folder, or adapter recipe (.json)')
    .requiredOption('--recipe <file>', 'conversion recipe (JSON)')
    .requiredOption('--data <folder>', "the folder the recipe's data paths start from")
    .option('--out <folder>', 'folder of the conversion (default: runs/convert-<name>)')
    .option('--threads <n>', 'threads for the arithmetic', positiveInteger, 1)
    .option('--seed <n>', "replaces the recipe's seed", seedNumber)
    .option(
      '--control',
      'train the original on by the same recipe without its changes ("original, continued"), into control/ of the folder',
    )
    .option('--restart', 'delete what the folder holds and start over')
    .option('--dry-run', 'show the stages, the time on this machine and the levels, and stop')
    .option('--json', 'one JSON object on stdout')
    .action(async (path: string, options: ConvertCommandOptions) => {
      const parsed = parseConversion(readJson(options.recipe), options.recipe);
      const recipe = options.seed === undefined ? parsed : { ...parsed, seed: options.seed };
      const folder = modelPath(path);
      const model = loadModel(folder, existsSync(options.data) ? options.data : dirname(folder));
      const textual = recipe.data?.kind === 'texts' || recipe.data?.kind === 'corpus';
      const tokenizer = textual ? { tokenizer: loadTokenizer(folder) } : {};
      if (options.dryRun) {
        const plan = await estimateConversion(model, recipe, { dataRoot: options.data, ...tokenizer });
        const next = `cipherformer convert ${path} --recipe ${options.recipe} --data ${options.data}`;
        return print(options.json, { value: plan, text: () => planTable(plan), next });
      }
      const folderOfAll = options.out ?? join('runs', `convert-${recipe.name}`);
      const out = options.control ? join(folderOfAll, controlFolder) : folderOfAll;
      if (options.restart) rmSync(out, { recursive: true, force: true });
      const { record, measured } = await runWithProgress(model, recipe, path, out, { ...options, ...tokenizer });
      if (isFinished(folderOfAll)) {
        const source = readReportSource(folderOfAll);
        if (source.unfitControl) process.stderr.write(`${source.unfitControl}\n`);
        await writeConversionReport(source, join(folderOfAll, 'report.html'));
      }
      const whole = record ? { ...record, targets: judgeTargets(record) } : measured;
      print(options.json, {
        value: whole,
        text: () => (record ? report(record, out) : controlReport(measured, out)),
        next: record ? `cipherformer compile ${out} --out program` : undefined,
      });
    });
}

async function runWithProgress(
  model: Model,
  recipe: ConversionRecipe,
  modelName: string,
  out: string,
  options: ConvertCommandOptions & { readonly tokenizer?: Tokenizer },
): Promise<ConvertResult> {
  let bar: Bar | undefined;
  const measuring = startStages();
  try {
    return await interruptible(
      'stopping within 20 steps, or after this measurement; the same command goes on where it stopped',
      (signal) =>
        convert(model, recipe, {
          dataRoot: options.data,
          out,
          modelName,
          threads: options.threads,
          control: options.control ?? false,
          signal,
          ...(options.tokenizer ? { tokenizer: options.tokenizer } : {}),
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
    ...(record.paired
      ? [
          `right in the original alone ${record.paired.onlyOriginal}, in the polynomial model alone ` +
            `${record.paired.onlyPolynomial} (McNemar p = ${record.paired.p.toPrecision(2)})`,
        ]
      : []),
    targetLine(record),
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

function planTable(plan: Awaited<ReturnType<typeof estimateConversion>>): string {
  const rows = plan.parts.map(({ name, steps, seconds }) => [name, steps, formatSeconds(seconds)]);
  const { fewest, most } = plan.levelsPerLayer;
  return [
    renderTable(['part', 'steps', 'time'], rows),
    `${plan.steps} steps, about ${formatSeconds(plan.seconds)} on this machine (${(plan.seconds / 3600).toFixed(2)} h; timed on ${plan.timedSteps} steps)`,
    `levels of a layer's polynomials: ${fewest === most ? fewest : `${fewest} to ${most}`}; linear maps and products add 6, packing 1`,
  ].join('\n');
}
