import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { compareConversions } from '@cipherformer/nn';
import type { Command } from 'commander';
import { comparisonLines, comparisonTable } from '../report/comparison.ts';
import { controlFolder, isFinished, readRecordAt } from '../report/conversion.ts';
import { commandLine } from '../terminal/command-line.ts';
import { markdownTable } from '../terminal/markdown.ts';
import { print } from '../terminal/output.ts';
import { renderTable } from '../terminal/table.ts';

interface CompareCommandOptions {
  readonly markdown?: boolean;
  readonly json?: boolean;
}

/** `cipherformer compare <conversions and controls...>`: the gap over seeds, to the better of the two originals. */
export function registerCompare(program: Command): void {
  program
    .command('compare')
    .description('Compare conversions of one model over seeds with the original, and with the original continued')
    .argument('<records...>', 'folders or conversion.json files of conversions (with their control/) and of controls')
    .option('--markdown', 'the table as Markdown')
    .option('--json', 'one JSON object on stdout')
    .action((paths: readonly string[], options: CompareCommandOptions) => {
      const records = paths.flatMap(withControl).map(readRecordAt);
      const comparison = compareConversions(
        records.filter(({ control }) => !control),
        records.filter(({ control }) => control),
      );
      const { head, rows } = comparisonTable(comparison);
      const table = (options.markdown ? markdownTable : renderTable)(head, rows);
      print(options.json, {
        value: comparison,
        text: [table, ...comparisonLines(comparison)].join('\n'),
        next: commandLine`cipherformer ranges ${paths}`,
      });
    });
}

/** A conversion's folder stands for its control as well. */
function withControl(path: string): string[] {
  const control = join(path, controlFolder);
  return existsSync(control) && isFinished(control) ? [path, control] : [path];
}
