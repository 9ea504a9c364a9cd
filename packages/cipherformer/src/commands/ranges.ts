import { basename } from 'node:path';
import { judgeTargets, type MeasuredConversion, rangeTargets, type TargetVerdict } from '@cipherformer/nn';
import type { Command } from 'commander';
import { short } from '../page/format.ts';
import { readRecordAt } from '../report/conversion.ts';
import { markdownTable } from '../terminal/markdown.ts';
import { print } from '../terminal/output.ts';
import { type Cell, renderTable } from '../terminal/table.ts';

interface RangesCommandOptions {
  readonly markdown?: boolean;
  readonly json?: boolean;
}

/** `cipherformer ranges <conversions...>`: what range minimisation reached, against what cheap polynomials need. */
export function registerRanges(program: Command): void {
  program
    .command('ranges')
    .description('Judge the ranges of finished conversions against the targets')
    .argument('<conversions...>', 'folders with conversion.json, or such files')
    .option('--markdown', 'the table as Markdown')
    .option('--json', 'one JSON object on stdout')
    .action((paths: readonly string[], options: RangesCommandOptions) => {
      const judged = paths.map((path) => {
        const record = readRecordAt(path);
        return { path, name: nameOf(record), targets: judgeTargets(record) };
      });
      const render = options.markdown ? markdownTable : renderTable;
      print(options.json, {
        value: { limits: rangeTargets, conversions: judged },
        text: () => render(head, judged.map(row)),
      });
    });
}

const nameOf = ({ recipe }: MeasuredConversion): string => `${recipe.name}, seed ${recipe.seed}`;

const head = [
  'conversion',
  `attention (at most ${rangeTargets.attention})`,
  `MLP (at most ${rangeTargets.mlp})`,
  `variance ratio (at most ${rangeTargets.varianceRatio})`,
  `out of range per 1,000 (at most ${rangeTargets.outsidePerThousand})`,
  'targets met',
];

function row({ name, targets }: { readonly name: string; readonly targets: readonly TargetVerdict[] }): Cell[] {
  const cell = (target: TargetVerdict['target'], absent: string) => {
    const verdict = targets.find((one) => one.target === target);
    if (!verdict) return absent;
    const before = verdict.before === undefined ? '' : `${short(verdict.before)} → `;
    return `${before}${short(verdict.measured)}`;
  };
  const missed = targets.filter(({ met }) => !met).map(({ target }) => targetNames[target]);
  return [
    basename(name),
    cell('attention', 'none'),
    cell('mlp', 'none'),
    cell('varianceRatio', 'none is divided by'),
    cell('outsidePerThousand', 'no polynomial'),
    missed.length === 0 ? 'all' : `all but ${missed.join(', ')}`,
  ];
}

const targetNames: Readonly<Record<TargetVerdict['target'], string>> = {
  attention: 'attention',
  mlp: 'MLP',
  varianceRatio: 'variance ratio',
  outsidePerThousand: 'out of range',
};
