import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, writeAtomically } from '@cipherformer/model/files';
import { parseStability, runStability, type StabilityCell, type StabilityRecipe } from '@cipherformer/nn';
import type { Command } from 'commander';
import { currentCommit, describeMachine } from '../measure/machine.ts';
import { titled } from '../page/figure.ts';
import { stabilityCurves, stabilityMeasures } from '../plots/stability-curves.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { markdownTable } from '../terminal/markdown.ts';
import { positiveInteger } from '../terminal/numbers.ts';
import { print } from '../terminal/output.ts';
import { type Bar, startBar } from '../terminal/progress.ts';
import { renderTable } from '../terminal/table.ts';

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
    .action(async (file: string, options: StabilityCommandOptions) => {
      const recipe = parseStability(readJson(file), file);
      const out = options.out ?? join('runs', `stability-${recipe.name}`);
      const record = join(out, `${recipe.name}.json`);
      if (options.restart) rmSync(record, { force: true });
      mkdirSync(out, { recursive: true });
      const cells = await runWithProgress(recipe, record, options);
      const { head, rows } = stabilityTable(cells);
      const [picture, page] = ['svg', 'md'].map((end) => join(out, `${recipe.name}.${end}`)) as [string, string];
      writeAtomically(
        picture,
        titled(await stabilityCurves(recipe.description || recipe.name, cells), stabilityAlt(cells)),
      );
      writeAtomically(page, markdownPage(recipe, cells));
      const text = [renderTable(head, rows), record, picture, page].join('\n');
      print(options.json, { value: { cells, files: [record, picture, page] }, text });
    });
}

/** Runs the cells that the record lacks, and adds each as it ends. */
async function runWithProgress(
  recipe: StabilityRecipe,
  record: string,
  options: StabilityCommandOptions,
): Promise<StabilityCell[]> {
  const cells: StabilityCell[] = existsSync(record) ? readRecord(record, recipe) : [];
  const known = [...cells];
  let shown: { readonly name: string; readonly bar: Bar } | undefined;
  try {
    return await interruptible('stopping after this step; the same command goes on with this cell', (signal) =>
      runStability(recipe, {
        ...{ dataRoot: options.data, threads: options.threads, known, signal },
        progress({ what, done, total, loss }) {
          if (shown?.name !== what) {
            shown?.bar.stop();
            shown = { name: what, bar: startBar(what, total) };
          }
          shown.bar.update(done, `loss ${loss.toFixed(3)}`);
        },
        onCell(cell) {
          cells.push(cell);
          const [machine, commit] = [describeMachine(), currentCommit() ?? null];
          writeAtomically(record, `${JSON.stringify({ recipe, machine, commit, cells }, null, 1)}\n`);
        },
      }),
    );
  } finally {
    shown?.bar.stop();
  }
}

/** The cells of a record, where it is of this recipe; another recipe's are left for it to overwrite. */
function readRecord(record: string, recipe: StabilityRecipe): StabilityCell[] {
  const stored = readJson(record) as { readonly recipe?: unknown; readonly cells?: readonly StabilityCell[] };
  return JSON.stringify(stored.recipe) === JSON.stringify(recipe) ? [...(stored.cells ?? [])] : [];
}

/** A line a cell: the largest values on the way, and where it ended. */
function stabilityTable(cells: readonly StabilityCell[]): { head: string[]; rows: string[][] } {
  const head = ['layers', 'variant', ...Object.values(stabilityMeasures), 'loss at the end', 'validation'];
  const rows = cells.map(({ depth, variant, points, accuracy, diverged }) => [
    `${depth}`,
    variant,
    ...(['weight', 'activation', 'variance'] as const).map((measure) =>
      Math.max(...points.map((point) => point[measure])).toPrecision(3),
    ),
    points.at(-1)?.loss.toFixed(3) ?? '',
    accuracy === undefined ? `diverged at step ${diverged}` : `${(100 * accuracy).toFixed(1)} %`,
  ]);
  return { head, rows };
}

/** What the curves show, in words. */
const stabilityAlt = (cells: readonly StabilityCell[]): string =>
  stabilityTable(cells).rows.map(([depth, variant, weight, activation, variance]) => `${depth} layers, ${variant}: largest weight ${weight}, activation input ${activation}, variance ${variance}`).join('; '); // biome-ignore format: a line

function markdownPage(recipe: StabilityRecipe, cells: readonly StabilityCell[]): string {
  const { head, rows } = stabilityTable(cells);
  return `# ${recipe.name}

${recipe.description} Made by \`cipherformer stability recipes/stability/${recipe.name}.json\`. Largest values on the way.

![curves over training](${recipe.name}.svg)

${markdownTable(head, rows)}
`;
}
