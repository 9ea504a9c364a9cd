import { type Comparison, compareConversions, type GapEstimate } from '@cipherformer/nn';
import { percent, short, signed } from '../page/format.ts';
import type { Cell } from '../terminal/table.ts';
import type { ReportSource } from './summary.ts';

/** A figure of a comparison as a person reads it. */
export const figureText = ({ lowerIsBetter }: Comparison, value: number): string =>
  lowerIsBetter ? value.toFixed(4) : percent(value);

/** A difference: points of accuracy, or nats a character. */
export const gapText = ({ lowerIsBetter }: Comparison, value: number): string =>
  lowerIsBetter ? signed(value, 4) : signed(100 * value, 2);

export const gapUnit = ({ lowerIsBetter }: Comparison): string => (lowerIsBetter ? 'nats a character' : 'points');

/** The 95 % interval of a gap. */
export const intervalText = (comparison: Comparison, { low, high }: GapEstimate): string =>
  `95 % interval ${gapText(comparison, low)} … ${gapText(comparison, high)}`;

/** The comparison of one conversion; records of earlier versions keep no single examples. */
export const sourceComparison = ({ record, control }: ReportSource): Comparison | undefined =>
  record.outcomes && compareConversions([record], control ? [control] : []);

/** One row a seed. */
export function comparisonTable(comparison: Comparison): { head: string[]; rows: Cell[][] } {
  const { seeds, toOriginal, toContinued } = comparison;
  const controls = toContinued !== undefined;
  const figure = comparison.lowerIsBetter ? 'nats a character' : 'accuracy';
  const classifier = !comparison.lowerIsBetter;
  const gapColumns = (name: string) => [`gap to ${name}`, ...(classifier ? ['McNemar p'] : [])];
  const head = [
    `seed (${figure}, test)`,
    'original',
    ...(controls ? ['original, continued'] : []),
    'polynomial',
    ...gapColumns('original'),
    ...(controls ? gapColumns('continued') : []),
    'out of range per 1,000',
  ];
  const rows = seeds.map((row): Cell[] => {
    const gap = (estimate: GapEstimate, p: number | undefined) => {
      const value = estimate.bySeed[row.seed];
      return [
        value === undefined ? '-' : gapText(comparison, value),
        ...(classifier ? [p === undefined ? '-' : short(p, 2)] : []),
      ];
    };
    return [
      row.seed,
      figureText(comparison, comparison.original),
      ...(controls ? [row.continued === undefined ? '-' : figureText(comparison, row.continued)] : []),
      figureText(comparison, row.polynomial),
      ...gap(toOriginal, row.toOriginal?.p),
      ...(toContinued ? gap(toContinued, row.toContinued?.p) : []),
      short(row.outsidePerThousand),
    ];
  });
  return { head, rows };
}

/** The estimates in words, and the claim that they allow. */
export function comparisonLines(comparison: Comparison): string[] {
  const { toOriginal, toContinued, continuation, reference, examples } = comparison;
  const claim = reference === 'continued' ? toContinued! : toOriginal;
  return [
    gapSentence(comparison, 'polynomial - original', toOriginal),
    ...(toContinued ? [gapSentence(comparison, 'polynomial - original, continued', toContinued)] : []),
    ...(continuation ? [gapSentence(comparison, 'continued - original (more training alone)', continuation)] : []),
    toContinued
      ? `gap to the better of the two originals (${reference === 'continued' ? 'the continued one' : 'as it was'}): ` +
        `${gapText(comparison, claim.mean)} ${gapUnit(comparison)}, at the interval's unfavourable end ${gapText(comparison, claim.unfavourable)}`
      : 'without a control a gain may be one of more training: cipherformer convert ... --control',
    `${examples} test examples; intervals resample them and average seeds, so what seeds vary by is not in them`,
  ];
}

function gapSentence(comparison: Comparison, what: string, gap: GapEstimate): string {
  const { mean, p, bySeed } = gap;
  const seeds = Object.keys(bySeed).length;
  return (
    `${what}: ${gapText(comparison, mean)} ${gapUnit(comparison)}, ${intervalText(comparison, gap)}, ` +
    `p = ${short(p, 2)} (${seeds} ${seeds === 1 ? 'seed' : 'seeds'})`
  );
}
