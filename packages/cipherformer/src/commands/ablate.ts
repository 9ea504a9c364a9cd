import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { readJson, writeAtomically } from '@cipherformer/model/files';
import {
  type AblationCell,
  type AblationRecipe,
  ablationCsv,
  loadModel,
  loadTokenizer,
  modelPath,
  parseAblation,
  parseConversion,
  recipeData,
  runAblation,
  summarise,
} from '@cipherformer/nn';
import type { Command } from 'commander';
import { ablationMarkdown, ablationNotes, ablationPage, ablationSvg, ablationTable } from '../report/ablation.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { positiveInteger } from '../terminal/numbers.ts';
import { print } from '../terminal/output.ts';
import { type Bar, startBar } from '../terminal/progress.ts';
import { renderTable } from '../terminal/table.ts';

interface AblateCommandOptions {
  readonly data: string;
  readonly out?: string;
  readonly model?: string;
  readonly threads: number;
  readonly restart?: boolean;
  readonly json?: boolean;
}

/** `cipherformer ablate <ablation.json>`: a conversion with one thing changed at a time, over seeds; resumable. */
export function registerAblate(program: Command): void {
  program
    .command('ablate')
    .description('Convert a model in variants, over seeds, and compare; run again to continue after an interruption')
    .argument('<ablation>', 'ablation recipe (JSON)')
    .requiredOption('--data <folder>', "the folder the recipe's data paths start from")
    .option('--out <folder>', 'folder of the cells and tables (default: runs/ablate-<name>)')
    .option('--model <folder>', 'replaces the model the recipe names')
    .option('--threads <n>', 'threads for the arithmetic', positiveInteger, 1)
    .option('--restart', 'delete what the folder holds and start over')
    .option('--json', 'one JSON object on stdout')
    .action(async (file: string, options: AblateCommandOptions) => {
      const ablation = parseAblation(readJson(file), file);
      const out = options.out ?? join('runs', `ablate-${ablation.name}`);
      if (options.restart) rmSync(out, { recursive: true, force: true });
      const cells: AblationCell[] = [];
      let files: string[] = [];
      try {
        await runWithProgress(ablation, file, out, options, cells);
      } finally {
        // After an interruption too: of the cells there are.
        if (cells.length > 0) files = await writeTables(ablation, cells, out);
      }
      const { head, rows } = ablationTable(summarise(ablation, cells));
      const lines = [renderTable(head, rows), ...ablationNotes(ablation, cells), ...files];
      print(options.json, { value: { cells, rows: summarise(ablation, cells), files }, text: lines.join('\n') });
    });
}

/** Runs what is missing; puts every cell into `cells` when it is there. */
async function runWithProgress(
  ablation: AblationRecipe,
  file: string,
  out: string,
  options: AblateCommandOptions,
  cells: AblationCell[],
): Promise<void> {
  const conversion = resolve(dirname(file), ablation.conversion);
  const base = readJson(conversion);
  const { kind } = recipeData(parseConversion(base, conversion));
  const folder = modelPath(options.model ?? resolve(dirname(file), ablation.model));
  const tokenizer = kind === 'texts' || kind === 'corpus' ? { tokenizer: loadTokenizer(folder) } : {};
  let shown: { readonly name: string; readonly bar: Bar } | undefined;
  try {
    await interruptible('stopping within 20 steps; the same command goes on where it stopped', (signal) =>
      runAblation(ablation, base, loadModel(folder), {
        dataRoot: options.data,
        out,
        modelName: options.model ?? ablation.model,
        threads: options.threads,
        signal,
        ...tokenizer,
        progress({ variant, seed, what, done, total, loss }) {
          if (loss === undefined) return;
          const name = `${variant}, seed ${seed}`;
          if (shown?.name !== name) {
            shown?.bar.stop();
            shown = { name, bar: startBar(name, total) };
          }
          shown.bar.update(done, what);
        },
        onCell(cell, done, all) {
          cells.push(cell);
          const { variant, seed, figures, failure } = cell;
          const text = figures ? `${figures.figure} ${figures.result.toPrecision(5)}` : `failed: ${failure}`;
          process.stderr.write(`[${done}/${all}] ${variant}, seed ${seed}: ${text}\n`);
        },
      }),
    );
  } finally {
    shown?.bar.stop();
  }
}

/** The tables of the cells there are: CSV with a line a cell, JSON, a page and its figure. */
async function writeTables(ablation: AblationRecipe, cells: readonly AblationCell[], out: string): Promise<string[]> {
  mkdirSync(out, { recursive: true });
  const rows = summarise(ablation, cells);
  const svg = await ablationSvg(rows);
  const texts: Record<string, string> = {
    'cells.csv': ablationCsv(ablation, cells),
    'ablation.json': `${JSON.stringify({ ablation, cells, rows }, null, 1)}\n`,
    'ablation.md': ablationMarkdown(ablation, cells),
    'ablation.html': await ablationPage(ablation, cells),
    ...(svg === undefined ? {} : { 'variants.svg': svg }),
  };
  for (const [name, text] of Object.entries(texts)) writeAtomically(join(out, name), text);
  return Object.keys(texts).map((name) => join(out, name));
}
