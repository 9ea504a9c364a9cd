import { gib } from '@cipherformer/base';
import pc from 'picocolors';
import { machineLine } from '../measure/report.ts';
import { best } from '../measure/statistics.ts';
import { type Cell, renderTable } from '../terminal/table.ts';
import type { Figures, OutsideSite } from './figures.ts';
import { differenceOf, type ExampleResult } from './result.ts';
import type { EncryptedEvaluation } from './results-file.ts';
import type { CheckResult } from './suite.ts';

/** Figures in clear, and the polynomials whose intervals values left. */
export function figureTables(figures: Figures, outside: readonly OutsideSite[] = []): string {
  const table = renderTable(
    ['figure', 'value'],
    Object.entries(figures).map(([name, value]) => [name, Number(value.toPrecision(6))]),
  );
  if (outside.length === 0) return table;
  const span = (...ends: readonly number[]) => `[${ends.map((end) => Number(end.toPrecision(4))).join(', ')}]`;
  const rows = outside.map((site) => [site.name, span(...site.interval), span(site.low, site.high), site.outside]);
  return `${table}\n${renderTable(['outside its interval', 'interval', 'values', 'examples'], rows)}`;
}

/** What a suite states, and what was found. */
export const suiteTable = (results: readonly CheckResult[]): string =>
  renderTable(
    ['check', 'stated', 'measured', 'agrees'],
    results.map(({ name, stated, measured, agrees }) => [name, stated, measured, agrees ? 'yes' : 'NO']),
  );

/** A row for each example, then the figures of all, then the targets. */
export function evaluationTables(evaluation: EncryptedEvaluation): string {
  return [exampleTable(evaluation), figureTable(evaluation), targetTable(evaluation)].join('\n');
}

/** One example on a line, for those who wait. */
export function exampleLine(example: ExampleResult, classes?: readonly string[]): string {
  const { index, label, encrypted, polynomial } = example;
  const name = nameOf(classes);
  const answer = encrypted.trusted ? name(best(encrypted.logits)) : `flagged (${encrypted.reason})`;
  return (
    `example ${index}, ${name(label)}: encrypted ${answer}, in clear ${name(best(polynomial))}, ` +
    `${encrypted.wallSeconds.toFixed(1)} s`
  );
}

function exampleTable({ examples, classes }: EncryptedEvaluation): string {
  const name = nameOf(classes);
  const rows = examples.map((example): Cell[] => {
    const { index, label, original, polynomial, simulated, encrypted } = example;
    return [
      index,
      name(label),
      ...[original, polynomial, simulated, encrypted.logits].map((logits) => name(best(logits))),
      differenceOf(example).toExponential(1),
      encrypted.wallSeconds.toFixed(1),
      encrypted.cpuSeconds.toFixed(1),
      encrypted.trusted ? '' : pc.red('flagged'),
    ];
  });
  const head = [
    'example',
    'label',
    'original',
    'polynomial',
    'simulated',
    'encrypted',
    'difference',
    'wall s',
    'cpu s',
    '',
  ];
  return renderTable(head, rows);
}

function figureTable({
  summary,
  machine,
  keyBytes,
  predictedPeakBytes,
  bootstraps,
  ...facts
}: EncryptedEvaluation): string {
  const { examples, right, flagged, falseAlarms, noiseBits } = summary;
  const share = (count: number) => `${count} of ${examples} (${((100 * count) / examples).toFixed(1)} %)`;
  const seconds = (value: number) => `${value.toFixed(1)} s`;
  const rows: [string, string][] = [
    ['model', facts.model],
    ['parameters', `${facts.parameters}; bootstrapped ciphertexts ${bootstraps}`],
    ['examples', `${facts.split}, ${facts.choice}`],
    ...(['original', 'polynomial', 'simulated', 'encrypted'] as const).map((form): [string, string] => [
      `right: ${form}`,
      share(right[form]),
    ]),
    ['flagged as no answer', `${flagged}, ${falseAlarms} of them within every interval in clear`],
    ...noiseBits.map(({ output, simulated, measured }): [string, string] => [
      `bits of output ${output}`,
      `simulated ${simulated.toFixed(1)}, measured ${measured.toFixed(1)}`,
    ]),
    ...(facts.batch > 1
      ? [['answers of a run', `up to ${facts.batch}; seconds are divided by them`] as [string, string]]
      : []),
    ['one answer, warm', `${seconds(summary.wallSeconds)} (median)`],
    [
      'processor time',
      `${seconds(summary.cpuSeconds)}, ${seconds(summary.systemSeconds)} of it the system's (medians)`,
    ],
    ['predicted', `${seconds(summary.predictedCpuSeconds)} (median)`],
    ['peak memory', `${gib(summary.peakRssBytes)}, predicted ${gib(predictedPeakBytes)}`],
    ['machine, before', machineLine(machine)],
    ['evaluation keys', `${gib(keyBytes.measured)}, predicted ${gib(keyBytes.predicted)}`],
  ];
  return renderTable(['', ''], rows);
}

function targetTable({ targets }: EncryptedEvaluation): string {
  const rows = targets.map(({ name, target, measured, met }) => [name, target, measured, met ? 'yes' : pc.red('NO')]);
  return renderTable(['target', 'wanted', 'measured', 'met'], rows);
}

/** Classes by their names; tokens and nameless classes by their numbers. */
function nameOf(classes: readonly string[] | undefined): (k: number) => string {
  return (k) => classes?.[k] ?? `${k}`;
}
