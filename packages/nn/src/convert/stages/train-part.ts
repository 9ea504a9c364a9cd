import type { OnProgress, Progress } from '@cipherformer/base';
import type { Converted } from '../substitution/architecture.ts';
import { normStatistics } from '../substitution/calibrate.ts';
import { type Conversion, calibrationOf } from '../training/conversion.ts';
import { drawOf } from '../training/draw.ts';
import type { StageCheckpoint } from '../training/stage-state.ts';
import { type StageResult, trainStage } from '../training/train-stage.ts';
import type { StagePart } from './plan.ts';

/**
 * While it trains, `what` names the part of a stage, and `done` and `total` count the steps of the whole conversion. While the
 * finished model is measured (the test set, ranges, the model as a graph), `what` is "measuring", and they count measurements.
 */
export interface ConvertProgress extends Progress {
  /** Of training; absent while the finished model is measured. */
  readonly loss?: number;
}

export interface TrainPartOptions {
  /** Steps of the whole conversion. */
  readonly steps: number;
  readonly resume: StageCheckpoint | undefined;
  readonly save: (checkpoint: StageCheckpoint) => void;
  readonly progress: OnProgress<ConvertProgress> | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Trains a model as its part of a stage says, with the original as the teacher; undefined where the stage does not train.
 * @throws UnstableTrainingError when it keeps diverging; the signal's reason, with the checkpoint saved
 */
export async function trainPart(
  conversion: Conversion,
  part: StagePart,
  model: Converted,
  { steps: total, resume, save, progress, signal }: TrainPartOptions,
): Promise<StageResult | undefined> {
  const { train } = part.stage;
  if (!train) return undefined;
  const { recipe, data, batches, threads, provider, original } = conversion;
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
    ...(provider ? { provider } : {}),
    ...(draw ? { draw } : {}),
    ...(resume ? { resume } : {}),
    ...(signal ? { signal } : {}),
    save,
    progress({ what, done: step, total: steps, loss, secondsLeft }) {
      const done = part.firstBatch + step;
      // What is left of the part, in the proportion of what is left of all.
      const all = (secondsLeft * (total - done)) / Math.max(1, steps - step);
      progress?.({ what, done, total, loss, secondsLeft: all });
    },
  });
}
