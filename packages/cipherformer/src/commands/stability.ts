import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readJson } from '@cipherformer/model/files';
import { parseStability, runStability } from '@cipherformer/nn';
import type { Command } from 'commander';
import { readCells, stabilityTable, writeCells, writeStability } from '../report/stability.ts';
import { positiveInteger } from '../terminal/numbers.ts';
import { print } from '../terminal/output.ts';
import { renderTable } from '../terminal/table.ts';
import { withStages } from '../terminal/with-stages.ts';

interface StabilityCommandOptions {
  readonly data: string;
  readonly out?: string;
  readonly threads: number;
  readonly restart?: boolean;
  readonly json?: boolean;
}

/** `cipherformer stability <recipe.json>`: what grows while models of several depths are trained from scratch; resumable. */
export function registerStability(program: Command): void {
  program
    .command('stability')
    .description('Train at several depths, and watch weights, activations and variances; run again to continue')
    .argument('<recipe>', 'stability recipe (JSON)')
    .requiredOption('--data <folder>', "the folder the recipe's data paths start from")
    .option('--out <folder>', 'folder of the record, the table and the curves (default: runs/stability-<name>)')
    .option('--threads <n>', 'threads for the arithmetic', positiveInteger, 1)
    .option('--restart', 'delete what the folder holds and start over')
    .option('--json', 'one JSON object on stdout')
    .action(stability);
}

async function stability(
  file: string,
  { data, out: folder, threads, restart, json }: StabilityCommandOptions,
): Promise<void> {
  const recipe = parseStability(readJson(file), file);
  const out = folder ?? join('runs', `stability-${recipe.name}`);
  const record = join(out, `${recipe.name}.json`);
  if (restart) rmSync(record, { force: true });
  mkdirSync(out, { recursive: true });
  const known = readCells(record, recipe);
  const done = [...known];
  const stopping = 'stopping after this step; the same command goes on with this cell';
  const cells = await withStages(stopping, (signal, { update }) =>
    runStability(recipe, {
      ...{ dataRoot: data, threads, known, signal },
      progress: ({ loss, ...told }) => update({ ...told, detail: `loss ${loss.toFixed(3)}` }),
      onCell(cell) {
        done.push(cell);
        writeCells(record, recipe, done);
      },
    }),
  );
  const files = [record, ...(await writeStability(recipe, cells, out))];
  const { head, rows } = stabilityTable(cells);
  print(json, { value: { cells, files }, text: [renderTable(head, rows), ...files].join('\n') });
}
