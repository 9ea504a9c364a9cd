import { join } from 'node:path';
import type { OnProgress, Progress } from '@cipherformer/base';
import { saveModel } from '../checkpoints/model-folder.ts';
import { batches } from '../data/batches.ts';
import { drawingOf } from '../data/config.ts';
import * as datasets from '../data/datasets.ts';
import { DivergenceError } from '../errors.ts';
import { createValidator } from '../evaluate/validator.ts';
import type { Provider } from '../onnx/session.ts';
import { assembleModel, preprocessOf } from './assemble.ts';
import { BestModel } from './best-model.ts';
import { RunClock } from './clock.ts';
import { runTraining, type TrainingWindow } from './loop.ts';
import { taskLoss } from './losses.ts';
import type { Recipe } from './recipe.ts';
import { type MetricsLine, RunFolder } from './run-folder.ts';
import { scheduleOf, stepsIn } from './schedule.ts';
import { TrainingStep } from './step.ts';

/** `done` and `total` count steps. */
export interface TrainProgress extends Progress<'training'> {
  readonly epoch: number;
  readonly loss: number;
  readonly examplesPerSecond: number;
  readonly secondsLeft: number;
}

export interface TrainOptions {
  /** The folder the recipe's data paths start from. */
  readonly dataRoot: string;
  readonly runFolder: string;
  readonly threads?: number;
  /** What computes the steps; models are evaluated by processors. Default 'cpu'. */
  readonly provider?: Provider;
  /** Seconds between checkpoints on the way to the end of an evaluation period. Default 60. */
  readonly checkpointEverySeconds?: number;
  readonly progress?: OnProgress<TrainProgress>;
  readonly onMetrics?: (line: MetricsLine) => void;
  /** Aborting finishes the step under way, writes a checkpoint and throws the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface TrainResult {
  readonly steps: number;
  readonly runFolder: string;
  /** The folder of the best model by the validation figure. */
  readonly modelFolder: string;
  readonly best: number | undefined;
  readonly bestStep: number;
  readonly validation: Readonly<Record<string, number>>;
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
}

/** Steps between lines of metrics (and progress reports). */
const reportEvery = 20;

/**
 * Trains what a recipe describes, resuming from the run folder's checkpoint if there is one: data order,
 * augmentation and dropout depend only on the seed and the step, so the resumed run takes the same steps.
 * @throws the signal's reason when it is aborted: the checkpoint is written, and the same call goes on from it
 * @throws DivergenceError naming the step and the checkpoint that is left
 */
export async function train(recipe: Recipe, options: TrainOptions): Promise<TrainResult> {
  const folder = new RunFolder(options.runFolder);
  folder.claim(recipe);
  const modelFolder = join(options.runFolder, 'model');
  const { training } = recipe;
  const { threads = 1, provider = 'cpu' } = options;
  const resumed = folder.hasCheckpoint ? folder.readCheckpoint() : undefined;
  const data = await datasets.load(recipe.data, { root: options.dataRoot });
  const { batch, seed, labelSmoothing } = training;
  const drawn = batches(data, { batch, seed, labelSmoothing, ...drawingOf(recipe.data) });
  const { config, weights } = assembleModel(recipe, data, options.dataRoot);
  const step = await TrainingStep.create(
    {
      config,
      batch: training.batch,
      ...(data.tokens ? { tokens: data.tokens } : {}),
      losses: taskLoss(config, training.labelSmoothing),
      optimiser: training,
      rule: { frozen: training.frozen, rates: training.rates },
      dropout: training.dropout,
      ...(training.averageDecay === undefined ? {} : { averageDecay: training.averageDecay }),
      seed: training.seed,
      threads,
      provider,
    },
    weights,
  );
  const validator = await createValidator(config, weights, data.validation, threads);
  if (resumed) {
    step.restore(resumed.state, resumed.progress.step);
    folder.truncateMetrics(resumed.progress.step);
  }
  const schedule = scheduleOf(training, drawn);
  const evaluateEvery = stepsIn(training.evaluateEvery, drawn);
  const evaluatesAfter = (now: number) => now % evaluateEvery === 0 || now === schedule.total;
  const preprocess = preprocessOf(data);
  const model = new BestModel(
    validator,
    (averaged) => saveModel(modelFolder, { config, weights: averaged, preprocess }, data.tokenizer?.files),
    {
      best: resumed?.progress.best ?? undefined,
      bestStep: resumed?.progress.bestStep ?? 0,
      validation: folder.readMetrics().findLast((line) => line.validation)?.validation ?? {},
    },
  );
  const clock = new RunClock(resumed?.progress);
  let windowStart = { step: step.step, at: performance.now() };

  const report = async ({ step: now, loss, learningRate, gradientNorm }: TrainingWindow) => {
    const evaluated = evaluatesAfter(now);
    if (evaluated) await model.evaluate(now, step.weights(true));
    const seconds = (performance.now() - windowStart.at) / 1000;
    const examplesPerSecond = ((now - windowStart.step) * training.batch) / seconds;
    windowStart = { step: now, at: performance.now() };
    const epoch = now / drawn.stepsPerEpoch;
    const line: MetricsLine = {
      step: now,
      epoch,
      learningRate,
      loss,
      gradientNorm,
      examplesPerSecond,
      ...clock.read(),
      ...(evaluated ? { validation: model.soFar.validation } : {}),
    };
    folder.appendMetrics(line);
    options.onMetrics?.(line);
    const { total } = schedule;
    const secondsLeft = ((total - now) * training.batch) / examplesPerSecond;
    options.progress?.({ what: 'training', done: now, total, epoch, loss, examplesPerSecond, secondsLeft });
  };
  const saveCheckpoint = () => {
    const { best = null, bestStep } = model.soFar;
    folder.saveCheckpoint(step.snapshot(), { step: step.step, best, bestStep, ...clock.read() });
  };

  try {
    await runTraining({
      step,
      schedule,
      feeds: (at) => drawn.feeds(at),
      windowEnds: (now) => now % reportEvery === 0 || evaluatesAfter(now),
      onWindow: report,
      checkpoint: {
        everySeconds: options.checkpointEverySeconds ?? 60,
        after: evaluatesAfter,
        write: saveCheckpoint,
      },
      ...(options.signal ? { signal: options.signal } : {}),
    });
    return {
      steps: step.step,
      runFolder: options.runFolder,
      modelFolder,
      ...model.soFar,
      ...clock.read(),
    };
  } catch (error) {
    throw error instanceof DivergenceError ? withCheckpoint(error, folder) : error;
  } finally {
    await step.close();
    await validator.close();
  }
}

/** A divergence, with what is left of the run. */
function withCheckpoint(error: DivergenceError, folder: RunFolder): DivergenceError {
  const left = folder.hasCheckpoint
    ? `The checkpoint of step ${folder.readCheckpoint().progress.step} in ${folder.path} is intact.`
    : 'There was no checkpoint yet.';
  return new DivergenceError(`${error.message} ${left}`, error.step, error.tensor);
}
