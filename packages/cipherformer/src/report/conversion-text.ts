import { apart, gib, significant } from '@cipherformer/base';
import {
  type ConversionRecord,
  type estimateConversion,
  judgeTargets,
  type MeasuredConversion,
  type Shortfall,
  type StageRecord,
  shortfalls,
  stageName,
  type Undecided,
  undecided,
} from '@cipherformer/nn';
import type { PlanFigures } from '../shapes/plan-figures.ts';
import { formatSeconds } from '../terminal/progress.ts';
import { renderTable } from '../terminal/table.ts';
import { isShare } from './summary.ts';

/** A conversion to come, and the encrypted program that follows. */
export type ConversionPlan = Awaited<ReturnType<typeof estimateConversion>> & { readonly encrypted: PlanFigures };

const figureOf = (row: StageRecord, values: Readonly<Record<string, number>> | undefined): string => {
  const value = values?.[row.figure];
  if (value === undefined) return '-';
  return isShare(row.figure) ? `${(100 * value).toFixed(2)} %` : value.toFixed(4);
};

/** A stage that ended, on a line. */
export const stageLine = (row: StageRecord): string =>
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

/** What training the original on gave. */
export const controlText = (record: MeasuredConversion, out: string): string =>
  [
    stagesOf(record),
    'the original, continued: no part was changed; its last row is what the polynomial model is compared with',
    `written to ${out}: trained/, conversion.json; cipherformer compare <folders> sets it beside conversions`,
  ].join('\n');

/** What a conversion gave: its stages, its polynomials, what was promised and what it reached. */
export function conversionText(record: ConversionRecord, out: string): string {
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
    ...undecided(record).map(undecidedLine),
    `levels: ${record.exported.levels.parts.map(({ name, levels: n }) => `${name} ${n}`).join(', ')}; in all ${record.exported.levels.total}`,
    `written to ${out}: the polynomial model, trained/ (to evaluate or train on), conversion.json, report.html`,
  ];
  return lines.join('\n');
}

function targetLine(record: ConversionRecord): string {
  const verdicts = judgeTargets(record).map(({ target, limit, measured, met }) => {
    const [value, most] = apart(measured, limit, significant, 3);
    return `${target} ${value} (at most ${most}${met ? '' : ', MISSED'})`;
  });
  return `range targets, worst site: ${verdicts.join(', ')}`;
}

/** What is promised of each figure, as a person reads it: its name, and its value with as many digits as say something. */
const promisedFigures: Readonly<Record<Shortfall['what'], readonly [string, (value: number) => string, string]>> = {
  accuracy: ['accuracy below the original', (share) => `${(100 * share).toFixed(2)} points`, 'test examples'],
  natsPerCharacter: ['perplexity', (nats) => `x ${Math.exp(nats).toFixed(3)}`, 'test windows'],
  outside: ['test examples outside', (share) => `${(100 * share).toPrecision(2)} %`, 'test examples'],
  oddOutside: ['inputs unlike any training example outside', (share) => `${(100 * share).toPrecision(2)} %`, 'of them'],
};

/** What fell short, where it was lost, and what to try. */
function shortfallLines({ what, measured, promised: limit, evidence, stage, site, advice }: Shortfall): string[] {
  const [title, value] = promisedFigures[what];
  const where = stage
    ? `; most was lost in the stage "${stage.name}" (${value(stage.loss)} on validation)`
    : site === undefined
      ? ''
      : `; most at ${site}`;
  return [
    `SHORT of what is promised: ${title} ${value(measured)}${evidence ? ` (${intervalText(what, evidence)})` : ''}, at most ${value(limit)}${where}`,
    ...advice.map((line) => `  to try: ${line}`),
  ];
}

/** What looks worse than promised, on too few examples. */
function undecidedLine({ what, measured, promised: limit, evidence }: Undecided): string {
  const [title, value, examples] = promisedFigures[what];
  return (
    `too few examples to tell whether what is promised is kept: ${title} ${value(measured)} (${intervalText(what, evidence)}), ` +
    `at most ${value(limit)}; of ${evidence.examples} ${examples}, about ${significantUp(evidence.needed)} would tell`
  );
}

const intervalText = (what: Shortfall['what'], { interval }: NonNullable<Shortfall['evidence']>): string =>
  `95 % interval ${interval.map(promisedFigures[what][1]).join(' to ')}`;

/** Two digits of a number of examples, rounded up. */
function significantUp(count: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(count)) - 1);
  return Math.ceil(count / unit) * unit;
}

/** The parts of a conversion to come, their time here, and what the encrypted program will take. */
export function planText(plan: ConversionPlan): string {
  const rows = plan.parts.map(({ name, steps, seconds }) => [name, steps, formatSeconds(seconds)]);
  const { fewest, most } = plan.levelsPerLayer;
  return [
    renderTable(['part', 'steps', 'time'], rows),
    `${plan.steps} steps, about ${formatSeconds(plan.seconds)} on this machine (${(plan.seconds / 3600).toFixed(2)} h; timed on ${plan.timedSteps} steps)`,
    `levels of a layer's polynomials: ${fewest === most ? fewest : `${fewest} to ${most}`}; linear maps and products add 6, packing 1`,
    encryptedLine(plan.encrypted),
  ].join('\n');
}

/** What the encrypted program of a model to come will take, on a line. */
export const encryptedLine = ({ cpuSeconds, keyBytes, peakBytes }: PlanFigures) =>
  `encrypted, predicted for this shape: ${cpuSeconds.toFixed(0)} s of processor time an input, ${gib(keyBytes)} of keys, ${gib(peakBytes)} of memory`;
