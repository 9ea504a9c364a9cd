import type { Converted } from '../substitution/architecture.ts';
import { normStatistics } from '../substitution/calibrate.ts';
import { type Conversion, calibrationOf } from '../training/conversion.ts';
import { drawOf } from '../training/draw.ts';
import type { StageCheckpoint } from '../training/stage-state.ts';
import { type StageResult, trainStage } from '../training/train-stage.ts';
import type { StagePart } from './plan.ts';

export interface ConvertProgress {
  /** The part of a stage under way, by its name. */
  readonly part: string;
  /** Steps done of the whole conversion, and in all. */
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly secondsLeft: number;
}

export interface TrainPartOptions {
  /** Steps of the whole conversion. */
  readonly steps: number;
  readonly resume: StageCheckpoint | undefined;
  readonly save: (checkpoint: StageCheckpoint) => void;
  readonly onProgress: ((progress: ConvertProgress) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Trains a model as its part of a stage says, with the original as the teacher; undefined where the stage does not train.
 * @throws UnstableTrainingError when it keeps diverging
 */
export async function trainPart(
  conversion: Conversion,
  part: StagePart,
  model: Converted,
  { steps: total, resume, save, onProgress, signal }: TrainPartOptions,
): Promise<StageResult | undefined> {
  const { train } = part.stage;
  if (!train) return undefined;
  const { recipe, data, batches, threads, original } = conversion;
  const statistics = await normStatistics(model, data.train, calibrationOf(conversion));
  const draw = await drawOf(conversion, model, train);
  return trainStage(model, {
    name: part.name,
    training: train,
    teacher: original,
    data,
    batches,
    batch: recipe.batch,
    seed: recipe.seed,
    firstBatch: part.firstBatch,
    variances: new Map([...statistics].map(([name, { variance }]) => [name, variance])),
    threads,
    ...(draw ? { draw } : {}),
    ...(resume ? { resume } : {}),
    ...(signal ? { signal } : {}),
    save,
    onProgress({ step, steps, loss, secondsLeft }) {
      const done = part.firstBatch + step;
      // What is left of the part, in the proportion of what is left of all.
      const all = (secondsLeft * (total - done)) / Math.max(1, steps - step);
      onProgress?.({ part: part.name, step: done, steps: total, loss, secondsLeft: all });
    },
  });
}
