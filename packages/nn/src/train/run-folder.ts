import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { StorageError } from '@cipherformer/base';
import { ConfigError, type StoredTensor, type Weights } from '@cipherformer/model';
import { readJson, readSafetensors, writeAtomically, writeSafetensors } from '@cipherformer/model/files';
import { parseMetadata } from '@cipherformer/model/untrusted';
import { z } from 'zod';
import { OtherRunError } from '../errors.ts';

/** One line of metrics.jsonl. */
export interface MetricsLine {
  readonly step: number;
  readonly epoch: number;
  /** Mean over the steps since the last line. */
  readonly loss: number;
  readonly learningRate: number;
  readonly gradientNorm: number;
  readonly examplesPerSecond: number;
  /** CPU seconds this process has used for the run, over all its sessions. */
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  readonly validation?: Readonly<Record<string, number>>;
}

const progressSchema = z.strictObject({
  step: z.int().min(0),
  best: z.number().nullable(),
  bestStep: z.int().min(0),
  cpuSeconds: z.number(),
  wallSeconds: z.number(),
});
/** What a checkpoint says about the run, besides tensors. `best` is the best validation figure so far, if any. */
export type RunProgress = z.infer<typeof progressSchema>;

/**
 * The folder of a run: recipe.json (as started), metrics.jsonl, checkpoint.safetensors (everything a resumed run
 * needs) and the best model so far. The checkpoint is one file, replaced atomically, so it is always whole.
 */
export class RunFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
    try {
      mkdirSync(path, { recursive: true });
    } catch (error) {
      throw new StorageError(`Cannot make the run folder ${path}: ${(error as Error).message}`);
    }
  }

  /** Keeps the recipe; a folder that already holds a run of another recipe is refused. */
  claim(recipe: unknown): void {
    const file = join(this.path, 'recipe.json');
    const text = `${JSON.stringify(recipe, null, 2)}\n`;
    if (existsSync(file) && existsSync(this.checkpointPath)) {
      if (JSON.stringify(readJson(file)) !== JSON.stringify(recipe)) {
        throw new OtherRunError(`${this.path} holds a run of another recipe. Give another folder, or start over.`);
      }
      return;
    }
    writeAtomically(file, text);
  }

  get checkpointPath(): string {
    return join(this.path, 'checkpoint.safetensors');
  }

  get hasCheckpoint(): boolean {
    return existsSync(this.checkpointPath);
  }

  saveCheckpoint(state: Weights, progress: RunProgress): void {
    writeSafetensors(this.checkpointPath, state, { progress: JSON.stringify(progress) });
  }

  readCheckpoint(): { readonly state: Map<string, StoredTensor>; readonly progress: RunProgress } {
    const { tensors, metadata } = readSafetensors(this.checkpointPath);
    const parsed = progressSchema.safeParse(parseMetadata(metadata.progress));
    if (!parsed.success) throw new ConfigError(`${this.checkpointPath} is not a checkpoint of a training run.`);
    return { state: tensors, progress: parsed.data };
  }

  appendMetrics(line: MetricsLine): void {
    try {
      appendFileSync(join(this.path, 'metrics.jsonl'), `${JSON.stringify(line)}\n`);
    } catch (error) {
      throw new StorageError(
        `Could not add to ${join(this.path, 'metrics.jsonl')}: ${(error as Error).message}. ` +
          'The last checkpoint is intact: free space and run the same command again.',
      );
    }
  }

  readMetrics(): MetricsLine[] {
    const file = join(this.path, 'metrics.jsonl');
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
    return lines.flatMap((line) => {
      try {
        return [JSON.parse(line) as MetricsLine];
      } catch {
        // A process killed while it wrote leaves half a line; the steps after the checkpoint are taken again.
        return [];
      }
    });
  }

  /** Drops the lines of steps after a checkpoint, which a resumed run writes again. */
  truncateMetrics(step: number): void {
    const kept = this.readMetrics().filter((line) => line.step <= step);
    writeAtomically(join(this.path, 'metrics.jsonl'), kept.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }
}
