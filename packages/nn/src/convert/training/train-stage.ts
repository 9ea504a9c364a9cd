import type { OnProgress, Progress } from '@cipherformer/base';
import type { Weights } from '@cipherformer/model';
import type { Batches, Draw } from '../../data/batches.ts';
import type { DataSet } from '../../data/dataset.ts';
import type { Provider } from '../../onnx/session.ts';
import type { TrainingStepOptions } from '../../train/build-step.ts';
import { runTraining } from '../../train/loop.ts';
import { scheduleOf } from '../../train/schedule.ts';
import { TrainingStep } from '../../train/step.ts';
import type { ModelConfig } from '../../transformer/config.ts';
import type { StageTraining } from '../recipe.ts';
import type { Converted } from '../substitution/architecture.ts';
import { clampLimits, rangeLimits, varianceLimits } from './limits.ts';
import { conversionLosses } from './losses.ts';
import { type StageCheckpoint, type StageProgress, StageState } from './stage-state.ts';
import { teacherFeeds } from './teacher.ts';

/** At a point of the curve; `done` and `total` count the steps of this stage. */
export interface StageTrainingProgress extends Progress {
  readonly loss: number;
  readonly secondsLeft: number;
}

export interface StageOptions {
  readonly name: string;
  readonly training: StageTraining;
  readonly teacher: { readonly config: ModelConfig; readonly weights: Weights };
  readonly data: DataSet;
  readonly batches: Batches;
  readonly batch: number;
  readonly seed: number;
  /** Number of the first training batch, so that stages see the data in one order. */
  readonly firstBatch: number;
  /** Mean variance of each normalisation at the start, for the variance penalty. */
  readonly variances: ReadonlyMap<string, number>;
  readonly threads: number;
  readonly provider?: Provider;
  /** How training batches differ from those that are due. */
  readonly draw?: Draw;
  readonly resume?: StageCheckpoint;
  readonly progress?: OnProgress<StageTrainingProgress>;
  /** Called now and then, and before an aborted stage throws. */
  readonly save?: (checkpoint: StageCheckpoint) => void;
  /** Aborting ends at the next point of the curve, by throwing the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface StageResult {
  /** The running average of the weights. */
  readonly model: Converted;
  readonly progress: StageProgress;
}

/** Steps between points of the curve (a stage stops only there, so that a resumed curve is the same). */
const pointEvery = 20;
const checkpointSeconds = 60;
/** Batches further on in the data after each roll-back. */
const otherBatches = 1009;

/**
 * Trains one stage with distillation and penalties. A loss or gradient that is not finite, or losses above three times their
 * median, return to the last good snapshot with half the learning rate.
 * @throws UnstableTrainingError after five such returns; the signal's reason, with the checkpoint saved
 */
export async function trainStage(model: Converted, options: StageOptions): Promise<StageResult> {
  const { training, batches, teacher, save, progress } = options;
  const { losses } = training;
  const schedule = scheduleOf(training, batches);
  const { total } = schedule;
  const step = await TrainingStep.create(stepOptions(model, options), model.weights);
  try {
    const stage = new StageState(options.name, step, options.resume);
    const fixed = teacherFeeds(teacher.weights);
    const start = stage.progress;
    await runTraining({
      step,
      schedule,
      // After a roll-back other batches follow, so that one bad batch is not met again.
      feeds: (at) => ({
        ...batches.feeds(options.firstBatch + at + stage.rollbacks * otherBatches, options.draw),
        ...fixed,
      }),
      lossWeights(at) {
        const ramp = training.ramp > 0 ? Math.min(1, (at + 1) / (training.ramp * total)) : 1;
        const { task, distillation, features, range, variance } = losses;
        return { task, distillation, features, range: range * ramp, variance: variance * ramp };
      },
      windowEnds: (now) => now % pointEvery === 0,
      onWindow(window) {
        const { loss } = stage.addPoint(window);
        const pace = (stage.progress.seconds - start.seconds) / (window.step - start.step);
        const secondsLeft = pace * (total - window.step);
        progress?.({ what: options.name, done: window.step, total, loss, secondsLeft });
      },
      recovery: stage,
      pauseEvery: pointEvery,
      ...(save ? { checkpoint: { everySeconds: checkpointSeconds, write: () => save(stage.checkpoint()) } } : {}),
      ...(options.signal ? { signal: options.signal } : {}),
    });
    return { model: { config: model.config, weights: step.weights(true) }, progress: stage.progress };
  } finally {
    await step.close();
  }
}

/** The step of a stage: the teacher in its program where something is learned from it, a term for each loss that counts. */
function stepOptions(model: Converted, options: StageOptions): TrainingStepOptions {
  const { training, data, teacher } = options;
  const { losses, clamp } = training;
  return {
    config: model.config,
    batch: options.batch,
    ...(data.tokens ? { tokens: data.tokens } : {}),
    losses: conversionLosses(model.config, {
      ...(losses.distillation > 0 || losses.features > 0
        ? { teacher: { config: teacher.config, temperature: losses.temperature } }
        : {}),
      features: losses.features > 0,
      range: { form: losses.rangeForm, limits: losses.range > 0 ? rangeLimits(model, training) : [] },
      variance: losses.variance > 0 ? varianceLimits(options.variances, training) : [],
      labelSmoothing: losses.labelSmoothing,
    }),
    optimiser: training,
    rule: {
      frozen: training.frozen,
      rates: [
        { pattern: '*.coefficients', rate: training.coefficientRate },
        { pattern: '*.distance_*', rate: training.distanceRate },
      ],
    },
    dropout: training.dropout,
    ...(clamp === undefined ? {} : { clamps: clampLimits(model, training, clamp) }),
    averageDecay: training.averageDecay,
    seed: options.seed + options.firstBatch,
    threads: options.threads,
    ...(options.provider ? { provider: options.provider } : {}),
  };
}
