import { judgeTargets, type MeasuredConversion, rangeTargets } from '@cipherformer/nn';
import type { Command } from 'commander';
import { readRecordAt } from '../report/conversion.ts';
import { rangesTable } from '../report/ranges.ts';
import { commandLine } from '../terminal/command-line.ts';
import { markdownTable } from '../terminal/markdown.ts';
import { print } from '../terminal/output.ts';
import { renderTable } from '../terminal/table.ts';

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
      const { head, rows } = rangesTable(judged);
      print(options.json, {
        value: { limits: rangeTargets, conversions: judged },
        text: () => render(head, rows),
        next: commandLine`cipherformer report ${paths[0]!}`,
      });
    });
}

const nameOf = ({ recipe }: MeasuredConversion): string => `${recipe.name}, seed ${recipe.seed}`;
