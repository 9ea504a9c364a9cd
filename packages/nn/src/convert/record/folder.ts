import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ConfigError } from '@cipherformer/model';
import { readJson, readSafetensors, writeAtomically, writeSafetensors } from '@cipherformer/model/files';
import { parseMetadata } from '@cipherformer/model/untrusted';
import { type Model, readOwnModel, saveModel } from '../../checkpoints/model-folder.ts';
import { OtherRunError } from '../../errors.ts';
import { type ConversionRecipe, parseConversion } from '../recipe.ts';
import { type StageCheckpoint, stageProgressSchema } from '../training/stage-state.ts';
import { type StageRecord, stageName } from './record.ts';

/** What checkpoints call the name of their part. */
const partKey = 'piece';

/**
 * The folder of a conversion: recipe.json (as started), one model folder a finished part of a stage under stages/, rows.json
 * (their records, the count of which says where to go on), checkpoint.safetensors of the part under way, and at the
 * end the polynomial model's files, its trained form (trained/) and conversion.json. Every file is replaced atomically.
 */
export class ConversionFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
    mkdirSync(path, { recursive: true });
  }

  /**
   * Keeps the recipe; a folder with a conversion of another model, recipe or data is refused. A recipe that only adds stages
   * to the folder's is none other: what the folder holds is the beginning of it.
   * @param data digest of examples that the caller gave
   */
  claim(
    recipe: ConversionRecipe,
    model: string,
    { control = false, data }: { readonly control?: boolean; readonly data?: string } = {},
  ): void {
    const file = join(this.path, 'recipe.json');
    const text = `${JSON.stringify({ model, ...(control && { control }), ...(data && { data }), recipe }, null, 2)}\n`;
    if (existsSync(file) && this.begun) {
      const stored = (readJson(file) ?? {}) as {
        readonly model?: string;
        readonly control?: boolean;
        readonly data?: string;
        readonly recipe?: unknown;
      };
      // Parsed, so that options added to recipes since then count with their defaults.
      const before = parseConversion(stored.recipe, file);
      const same = stored.model === model && (stored.control ?? false) === control && stored.data === data;
      if (!same || !beginsWith(recipe, before)) {
        throw new OtherRunError(
          `${this.path} holds a conversion of another model, recipe or data, or a control. Give another folder, or start over.`,
        );
      }
    }
    writeAtomically(file, text);
  }

  /** Whether something was trained here. */
  get begun(): boolean {
    return this.rows().length > 0 || this.#hasCheckpoint;
  }

  rows(): StageRecord[] {
    const file = join(this.path, 'rows.json');
    if (!existsSync(file)) return [];
    const rows = readJson(file);
    if (!Array.isArray(rows))
      throw new ConfigError(`${file} is not the list of a conversion's stages; delete its folder.`);
    return rows as StageRecord[];
  }

  /** Notes a finished part and its model; the checkpoint of its training and a record of fewer parts are of no more use. */
  finishPart(rows: readonly StageRecord[], model: Model): void {
    rmSync(join(this.path, 'conversion.json'), { force: true });
    saveModel(this.#stagePath(rows.length - 1), model);
    writeAtomically(join(this.path, 'rows.json'), `${JSON.stringify(rows)}\n`);
    rmSync(this.#checkpointPath, { force: true });
  }

  /** The model after the part of this row. */
  modelAfter(row: number): Model {
    return readOwnModel(this.#stagePath(row));
  }

  hasModelAfter(row: number): boolean {
    return existsSync(this.#stagePath(row));
  }

  #stagePath(row: number): string {
    return join(this.path, 'stages', `${row}`);
  }

  get #checkpointPath(): string {
    return join(this.path, 'checkpoint.safetensors');
  }

  get #hasCheckpoint(): boolean {
    return existsSync(this.#checkpointPath);
  }

  saveCheckpoint(part: string, { state, progress }: StageCheckpoint): void {
    writeSafetensors(this.#checkpointPath, state, { [partKey]: part, progress: JSON.stringify(progress) });
  }

  /** The checkpoint of a part, if it was interrupted. */
  readCheckpoint(part: string): StageCheckpoint | undefined {
    if (!this.#hasCheckpoint) return undefined;
    const { tensors, metadata } = readSafetensors(this.#checkpointPath);
    if (metadata[partKey] !== part) return undefined;
    const parsed = stageProgressSchema.safeParse(parseMetadata(metadata.progress));
    if (!parsed.success)
      throw new ConfigError(`${this.#checkpointPath} is not a checkpoint of a conversion; delete it.`);
    return { state: tensors, progress: parsed.data };
  }

  write(name: string, value: unknown): void {
    writeAtomically(join(this.path, name), `${JSON.stringify(value)}\n`);
  }
}

/** A conversion's folder, with the models after its stages, and its recipe. */
export interface ConversionSource {
  readonly folder: string;
  readonly recipe: ConversionRecipe;
}

/**
 * Begins a conversion in an empty folder with the stages that another of the same model has finished and that both recipes begin
 * with: order, draws and rates depend on the recipe alone, so they would come out the same to the last bit. Does nothing
 * where the folder has begun, or the other keeps no models any more.
 */
export function reuseStages(source: ConversionSource, folder: string, recipe: ConversionRecipe, model: string): void {
  const [from, to] = [new ConversionFolder(source.folder), new ConversionFolder(folder)];
  if (to.begun) return;
  const { stages, ...rest } = recipe;
  const { stages: given, ...givenRest } = source.recipe;
  if (!isDeepStrictEqual(rest, givenRest)) return;
  const differ = stages.findIndex((stage, i) => !isDeepStrictEqual(stage, given[i]));
  const common = new Set(['original', ...stages.slice(0, differ < 0 ? stages.length : differ).map(({ name }) => name)]);
  const rows = from.rows();
  const other = rows.findIndex(({ name }) => !common.has(stageName(name)));
  const shared = rows.slice(0, other < 0 ? rows.length : other);
  if (shared.length === 0 || !from.hasModelAfter(shared.length - 1)) return;
  to.claim(recipe, model);
  for (let row = 0; row < shared.length; row++) to.finishPart(shared.slice(0, row + 1), from.modelAfter(row));
}

function beginsWith(recipe: ConversionRecipe, beginning: ConversionRecipe): boolean {
  const stages = recipe.stages.slice(0, beginning.stages.length);
  return isDeepStrictEqual({ ...recipe, stages }, beginning);
}
