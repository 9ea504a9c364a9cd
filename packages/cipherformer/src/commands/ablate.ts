import { rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { readJson } from '@cipherformer/model/files';
import {
  type AblationCell,
  type AblationRecipe,
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
import { ablationNotes, ablationTable, writeAblation } from '../report/ablation.ts';
import { positiveInteger } from '../terminal/numbers.ts';
import { print } from '../terminal/output.ts';
import { renderTable } from '../terminal/table.ts';
import { withStages } from '../terminal/with-stages.ts';

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
        await runCells(ablation, file, out, options, cells);
      } finally {
        // After an interruption too: of the cells there are.
        if (cells.length > 0) files = await writeAblation(ablation, cells, out);
      }
      const { head, rows } = ablationTable(summarise(ablation, cells));
      const lines = [renderTable(head, rows), ...ablationNotes(ablation, cells), ...files];
      print(options.json, { value: { cells, rows: summarise(ablation, cells), files }, text: lines.join('\n') });
    });
}

/** Runs what is missing; puts every cell into `cells` when it is there. */
function runCells(
  ablation: AblationRecipe,
  file: string,
  out: string,
  { data: dataRoot, model, threads }: AblateCommandOptions,
  cells: AblationCell[],
): Promise<unknown> {
  const conversion = resolve(dirname(file), ablation.conversion);
  const base = readJson(conversion);
  const { kind } = recipeData(parseConversion(base, conversion));
  const folder = modelPath(model ?? resolve(dirname(file), ablation.model));
  const tokenizer = kind === 'texts' || kind === 'corpus' ? { tokenizer: loadTokenizer(folder) } : {};
  return withStages('stopping within 20 steps; the same command goes on where it stopped', (signal, stages) =>
    runAblation(ablation, base, loadModel(folder), {
      ...{ dataRoot, out, modelName: model ?? ablation.model, threads, signal },
      ...tokenizer,
      progress({ variant, seed, what, done, total, loss }) {
        if (loss !== undefined) stages.update({ what: `${variant}, seed ${seed}`, done, total, detail: what });
      },
      onCell(cell, done, all) {
        cells.push(cell);
        const { variant, seed, figures, failure } = cell;
        const text = figures ? `${figures.figure} ${figures.result.toPrecision(5)}` : `failed: ${failure}`;
        stages.note(`[${done}/${all}] ${variant}, seed ${seed}: ${text}`);
      },
    }),
  );
}
