import { join } from 'node:path';
import { saveModel } from '../checkpoints/model-folder.ts';
import { batches } from '../data/batches.ts';
import { drawingOf } from '../data/config.ts';
import * as datasets from '../data/datasets.ts';
import { DivergenceError } from '../errors.ts';
import { createValidator } from '../evaluate/validator.ts';
import { assembleModel, preprocessOf } from './assemble.ts';
import { taskLoss } from './losses.ts';
import type { Recipe } from './recipe.ts';
import { type MetricsLine, RunFolder, type RunProgress } from './run-folder.ts';
import { warmupCosine } from './schedule.ts';
import { TrainingStep } from './step.ts';

export interface TrainProgress {
  readonly step: number;
  readonly steps: number;
  readonly epoch: number;
  readonly loss: number;
  readonly examplesPerSecond: number;
  readonly etaSeconds: number;
}

export interface TrainOptions {
  /** The folder the recipe's data paths start from. */
  readonly dataRoot: string;
  readonly runFolder: string;
  readonly threads?: number;
  /** Steps between checkpoints on the way to the end of an evaluation period. */
  readonly checkpointEverySeconds?: number;
  readonly onProgress?: (progress: TrainProgress) => void;
  readonly onMetrics?: (line: MetricsLine) => void;
  /** Aborting finishes the step under way, writes a checkpoint and returns with `finished` false. */
  readonly signal?: AbortSignal;
}

export interface TrainResult {
  readonly finished: boolean;
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
 */
export async function train(recipe: Recipe, options: TrainOptions): Promise<TrainResult> {
  const folder = new RunFolder(options.runFolder);
  folder.claim(recipe);
  const modelFolder = join(options.runFolder, 'model');
  const { training } = recipe;
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
      threads: options.threads ?? 1,
    },
    weights,
  );
  const validator = await createValidator(config, weights, data.validation, options.threads ?? 1);
  const steps = Math.max(1, Math.round(training.epochs * drawn.stepsPerEpoch));
  const schedule = {
    peak: training.learningRate,
    warmup: Math.max(1, Math.round(training.warmup * steps)),
    total: steps,
    final: training.finalRate,
  };
  const evaluateEvery = Math.max(1, Math.round(training.evaluateEvery * drawn.stepsPerEpoch));
  if (resumed) {
    step.restore(resumed.state, resumed.progress.step);
    folder.truncateMetrics(resumed.progress.step);
  }
  const clock = new RunClock(resumed?.progress);
  let best = resumed?.progress.best ?? undefined;
  let bestStep = resumed?.progress.bestStep ?? 0;
  let validation = folder.readMetrics().findLast((line) => line.validation)?.validation ?? {};
  let checkpointAt = performance.now();
  const progress = (): RunProgress => ({ step: step.step, best: best ?? null, bestStep, ...clock.read() });
  const saveCheckpoint = () => {
    folder.saveCheckpoint(step.snapshot(), progress());
    checkpointAt = performance.now();
  };

  try {
    const window = new ReportWindow(training.batch);
    while (step.step < steps && !options.signal?.aborted) {
      const learningRate = warmupCosine(step.step, schedule);
      const result = await step.run(drawn.feeds(step.step), learningRate).catch((error: unknown) => {
        throw error instanceof DivergenceError ? withCheckpoint(error, folder) : error;
      });
      window.add(result.loss, result.gradientNorm);
      const now = step.step;
      const due = now % evaluateEvery === 0 || now === steps;
      if (due) {
        const averaged = step.weights(true);
        validation = await validator.run(averaged);
        const figure = validation[validator.figure]!;
        if (best === undefined || validator.better(figure, best)) {
          best = figure;
          bestStep = now;
          saveModel(
            modelFolder,
            { config, weights: averaged, preprocess: preprocessOf(recipe.data) },
            data.tokenizer?.files,
          );
        }
      }
      if (due || now % reportEvery === 0) {
        const report = window.close();
        const line: MetricsLine = {
          step: now,
          epoch: now / drawn.stepsPerEpoch,
          learningRate,
          ...report,
          ...clock.read(),
          ...(due ? { validation } : {}),
        };
        folder.appendMetrics(line);
        options.onMetrics?.(line);
        options.onProgress?.({
          step: now,
          steps,
          epoch: line.epoch,
          loss: report.loss,
          examplesPerSecond: report.examplesPerSecond,
          etaSeconds: ((steps - now) * training.batch) / report.examplesPerSecond,
        });
      }
      if (due || performance.now() - checkpointAt > 1000 * (options.checkpointEverySeconds ?? 60)) saveCheckpoint();
    }
    if (step.step < steps) saveCheckpoint();
  } finally {
    await step.close();
    await validator.close();
  }
  return {
    finished: step.step >= steps,
    steps: step.step,
    runFolder: options.runFolder,
    modelFolder,
    best,
    bestStep,
    validation,
    ...clock.read(),
  };
}

/** A divergence, with what is left of the run. */
function withCheckpoint(error: DivergenceError, folder: RunFolder): DivergenceError {
  const left = folder.hasCheckpoint
    ? `The checkpoint of step ${folder.readCheckpoint().progress.step} in ${folder.path} is intact.`
    : 'There was no checkpoint yet.';
  return new DivergenceError(`${error.message} ${left}`, error.step, error.tensor);
}

/** CPU and wall time over all sessions of a run. */
class RunClock {
  readonly #cpu = process.cpuUsage();
  readonly #start = performance.now();
  readonly #before: { readonly cpuSeconds: number; readonly wallSeconds: number };

  constructor(before?: { readonly cpuSeconds: number; readonly wallSeconds: number }) {
    this.#before = before ?? { cpuSeconds: 0, wallSeconds: 0 };
  }

  read(): { cpuSeconds: number; wallSeconds: number } {
    const { user, system } = process.cpuUsage(this.#cpu);
    return {
      cpuSeconds: this.#before.cpuSeconds + (user + system) / 1e6,
      wallSeconds: this.#before.wallSeconds + (performance.now() - this.#start) / 1000,
    };
  }
}

/** Means over the steps since the last report. */
class ReportWindow {
  readonly #batch: number;
  #losses = 0;
  #norms = 0;
  #count = 0;
  #since = performance.now();

  constructor(batch: number) {
    this.#batch = batch;
  }

  add(loss: number, norm: number): void {
    this.#losses += loss;
    this.#norms += norm;
    this.#count += 1;
  }

  close(): { loss: number; gradientNorm: number; examplesPerSecond: number } {
    const seconds = (performance.now() - this.#since) / 1000;
    const report = {
      loss: this.#losses / this.#count,
      gradientNorm: this.#norms / this.#count,
      examplesPerSecond: (this.#count * this.#batch) / seconds,
    };
    this.#losses = 0;
    this.#norms = 0;
    this.#count = 0;
    this.#since = performance.now();
    return report;
  }
}
