import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { OnProgress } from '@cipherformer/base';
import type { Tokenizer } from '@cipherformer/model';
import { readJson, writeAtomically } from '@cipherformer/model/files';
import type { Model } from '../checkpoints/model-folder.ts';
import { convert } from '../convert/convert.ts';
import type { ConversionRecipe } from '../convert/recipe.ts';
import { type ConversionSource, reuseStages } from '../convert/record/folder.ts';
import type { ConvertProgress } from '../convert/stages/train-part.ts';
import { DivergenceError, OtherRunError, SiteRangeError, UnstableTrainingError } from '../errors.ts';
import { type AblationCell, cellFigures } from './cell.ts';
import { type AblationRecipe, type AblationVariant, cellRecipe } from './recipe.ts';

/** How far the conversion of one cell is. */
export interface AblateProgress extends ConvertProgress {
  readonly variant: string;
  readonly seed: number;
}

export interface AblateOptions {
  readonly dataRoot: string;
  /** Folder of the ablation: a conversion's folder for each cell under cells/. */
  readonly out: string;
  readonly modelName: string;
  readonly tokenizer?: Tokenizer;
  readonly threads?: number;
  /** Aborting throws the signal's reason within some steps; finished cells are kept, the one under way has a checkpoint. */
  readonly signal?: AbortSignal;
  readonly progress?: OnProgress<AblateProgress>;
  readonly onCell?: (cell: AblationCell, done: number, all: number) => void;
}

/**
 * Converts the model once for every variant and seed, seed by seed so that an early stop leaves all variants compared.
 * Finished cells are read back. Returns a cell for each variant and seed.
 * @throws the signal's reason when it is aborted; the same call goes on where it stopped
 * @throws OtherRunError when a finished cell was made by another recipe
 */
export async function runAblation(
  ablation: AblationRecipe,
  base: unknown,
  model: Model,
  options: AblateOptions,
): Promise<AblationCell[]> {
  // All recipes are checked before the first hour is spent on one.
  const plan = ablation.seeds.flatMap((seed) =>
    ablation.variants.map((variant) => ({ variant, seed, recipe: cellRecipe(ablation, base, variant, seed) })),
  );
  const cells: AblationCell[] = [];
  for (const place of plan) {
    options.signal?.throwIfAborted();
    const from = plan.find(({ variant, seed }) => variant.axis === 'base' && seed === place.seed);
    const source = from && from !== place ? { folder: folderOf(options, from), recipe: from.recipe } : undefined;
    const cell = await runCell(place, source, model, options);
    cells.push(cell);
    options.onCell?.(cell, cells.length, plan.length);
  }
  // Models after every stage are of use only to cells that go on from them.
  for (const place of plan) rmSync(join(folderOf(options, place), 'stages'), { recursive: true, force: true });
  return cells;
}

/** A variant with a seed, and the conversion that it is. */
interface Place {
  readonly variant: AblationVariant;
  readonly seed: number;
  readonly recipe: ConversionRecipe;
}

const folderOf = ({ out }: AblateOptions, { variant, seed }: Place): string =>
  join(out, 'cells', variant.name, `seed-${seed}`);

async function runCell(
  place: Place,
  base: ConversionSource | undefined,
  model: Model,
  options: AblateOptions,
): Promise<AblationCell> {
  const { seed, recipe } = place;
  const variant = place.variant.name;
  const folder = folderOf(options, place);
  const file = join(folder, 'cell.json');
  mkdirSync(folder, { recursive: true });
  if (existsSync(file)) return readCell(file, recipe);
  if (base) reuseStages(base, folder, recipe, options.modelName);
  const keep = (cell: AblationCell): AblationCell => {
    writeAtomically(file, `${JSON.stringify({ recipe, cell })}\n`);
    if (base) rmSync(join(folder, 'stages'), { recursive: true, force: true });
    return cell;
  };
  try {
    const { measured } = await convert(model, recipe, {
      dataRoot: options.dataRoot,
      out: folder,
      modelName: options.modelName,
      endsOnly: true,
      ...(options.tokenizer ? { tokenizer: options.tokenizer } : {}),
      ...(options.threads ? { threads: options.threads } : {}),
      ...(options.signal ? { signal: options.signal } : {}),
      progress: (progress) => options.progress?.({ ...progress, variant, seed }),
    });
    return keep({ variant, seed, figures: cellFigures(measured) });
  } catch (error) {
    const expected =
      error instanceof UnstableTrainingError || error instanceof SiteRangeError || error instanceof DivergenceError;
    if (!expected) throw error;
    return keep({ variant, seed, failure: error.message });
  }
}

function readCell(file: string, recipe: ConversionRecipe): AblationCell {
  const stored = (readJson(file) ?? {}) as { readonly recipe?: unknown; readonly cell: AblationCell };
  if (JSON.stringify(stored.recipe) !== JSON.stringify(recipe)) {
    throw new OtherRunError(`${file} was made by another recipe. Delete its folder, give another one, or start over.`);
  }
  return stored.cell;
}
