import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, writeAtomically } from '@cipherformer/model/files';
import type { StabilityCell, StabilityRecipe } from '@cipherformer/nn';
import { currentCommit, describeMachine } from '../measure/machine.ts';
import { titled } from '../page/figure.ts';
import { stabilityCurves, stabilityMeasures } from '../plots/stability-curves.ts';
import { markdownTable } from '../terminal/markdown.ts';

/** The cells of a record, where it is of this recipe; another recipe's are left for it to overwrite. */
export function readCells(record: string, recipe: StabilityRecipe): StabilityCell[] {
  if (!existsSync(record)) return [];
  const stored = readJson(record) as { readonly recipe?: unknown; readonly cells?: readonly StabilityCell[] };
  return JSON.stringify(stored.recipe) === JSON.stringify(recipe) ? [...(stored.cells ?? [])] : [];
}

/** Writes the cells there are, with the machine they were made on. */
export function writeCells(record: string, recipe: StabilityRecipe, cells: readonly StabilityCell[]): void {
  const [machine, commit] = [describeMachine(), currentCommit() ?? null];
  writeAtomically(record, `${JSON.stringify({ recipe, machine, commit, cells }, null, 1)}\n`);
}

/** Writes the curves, and a page with them and a table. Returns their paths. */
export async function writeStability(
  recipe: StabilityRecipe,
  cells: readonly StabilityCell[],
  out: string,
): Promise<string[]> {
  const [picture, page] = ['svg', 'md'].map((end) => join(out, `${recipe.name}.${end}`)) as [string, string];
  const curves = await stabilityCurves(recipe.description || recipe.name, cells);
  writeAtomically(picture, titled(curves, stabilityAlt(cells)));
  writeAtomically(page, markdownPage(recipe, cells));
  return [picture, page];
}

/** A line a cell: the largest values on the way, and where it ended. */
export function stabilityTable(cells: readonly StabilityCell[]): { head: string[]; rows: string[][] } {
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
