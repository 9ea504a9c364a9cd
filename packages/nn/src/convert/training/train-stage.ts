import type { Weights } from '@cipherformer/model';
import { z } from 'zod';
import type { Batches, Draw } from '../../data/batches.ts';
import type { DataSet } from '../../data/dataset.ts';
import { DivergenceError, UnstableTrainingError } from '../../errors.ts';
import { warmupCosine } from '../../train/schedule.ts';
import { TrainingStep } from '../../train/step.ts';
import type { ModelConfig } from '../../transformer/config.ts';
import type { StageTraining } from '../recipe.ts';
import { type Converted, normNames } from '../substitution/architecture.ts';
import { polynomialsOf } from '../substitution/substitute.ts';
import { limitsOf, methodLosses, type SiteLimits } from './losses.ts';
import { LossMonitor, monitorSchema } from './monitor.ts';
import { teacherFeeds } from './teacher.ts';

const curvePointSchema = z.strictObject({
  step: z.int(),
  loss: z.number(),
  learningRate: z.number(),
  gradientNorm: z.number(),
  terms: z.record(z.string(), z.number()),
});
/** Means over the steps since the last point. */
export type CurvePoint = z.infer<typeof curvePointSchema>;

/** What a stage in progress is besides tensors. */
export const stageProgressSchema = z.strictObject({
  step: z.int().min(0),
  monitor: monitorSchema,
  curve: z.array(curvePointSchema),
  seconds: z.number(),
});
export type StageProgress = z.infer<typeof stageProgressSchema>;

export interface StageCheckpoint {
  readonly state: Weights;
  readonly progress: StageProgress;
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
  /** Mean variance of each normalisation at the start, for the variance hinge. */
  readonly variances: ReadonlyMap<string, number>;
  readonly threads: number;
  /** How training batches differ from those that are due. */
  readonly draw?: Draw;
  readonly resume?: StageCheckpoint;
  readonly onProgress?: (progress: { step: number; steps: number; loss: number; secondsLeft: number }) => void;
  /** Called now and then, and before an aborted stage returns. */
  readonly save?: (checkpoint: StageCheckpoint) => void;
  readonly signal?: AbortSignal;
}

export interface StageResult {
  readonly finished: boolean;
  /** The running average of the weights. */
  readonly model: Converted;
  readonly progress: StageProgress;
}

/** Steps between points of the curve (a stage stops only there, so that a resumed curve is the same). */
const pointEvery = 20;
/** Points between snapshots to roll back to, and seconds between checkpoints. */
const pointsPerSnapshot = 3;
const checkpointSeconds = 60;
const mostRollbacks = 5;
/** Batches further on in the data after each roll-back. */
const otherBatches = 1009;
/** Values at polynomial sites are pulled inside this share of the interval. */
const polynomialShare = 0.9;

export const stageSteps = (training: StageTraining, { stepsPerEpoch }: Batches): number =>
  Math.max(1, Math.round(training.epochs * stepsPerEpoch));

/** Limits of every site: a polynomial's interval, else the stage's limits by kind and name. */
export function rangeLimits(model: Converted, { limits }: StageTraining): SiteLimits[] {
  const intervals = [...polynomialsOf(model)].map(([pattern, { low, high }]) => {
    const centre = (low + high) / 2;
    const half = ((high - low) / 2) * polynomialShare;
    return { pattern, low: centre - half, high: centre + half };
  });
  const of = (pattern: string, [low, high]: readonly [number, number]) => ({ pattern, low, high });
  const kinds = [
    of('*.attention.activation', limits.attention),
    of('*.mlp.activation', limits.mlp),
    of('head.activation', limits.head),
  ];
  return [...limits.sites, ...intervals, ...kinds];
}

/**
 * Trains one stage with distillation and hinges. A loss or gradient that is not finite, or losses above three times their
 * median, return to the last good snapshot with half the learning rate.
 * @throws UnstableTrainingError after five such returns
 */
export async function trainStage(model: Converted, options: StageOptions): Promise<StageResult> {
  const { training, data, teacher } = options;
  const { losses } = training;
  const total = stageSteps(training, options.batches);
  const step = await TrainingStep.create(
    {
      config: model.config,
      batch: options.batch,
      ...(data.tokens ? { tokens: data.tokens } : {}),
      losses: methodLosses(model.config, {
        ...(losses.distillation > 0 || losses.features > 0
          ? { teacher: { config: teacher.config, temperature: losses.temperature } }
          : {}),
        features: losses.features > 0,
        range: { form: losses.rangeForm, limits: losses.range > 0 ? rangeLimits(model, training) : [] },
        variance: losses.variance > 0 ? varianceLimits(options) : [],
        labelSmoothing: losses.labelSmoothing,
      }),
      optimiser: training,
      rule: {
        rates: [
          { pattern: '*.coefficients', rate: training.coefficientRate },
          { pattern: '*.distance_*', rate: training.distanceRate },
        ],
      },
      dropout: training.dropout,
      ...(training.clamp === undefined
        ? {}
        : { clamps: clampsOf([...rangeLimits(model, training), ...normLimits(model.config)], training.clamp) }),
      averageDecay: training.averageDecay,
      seed: options.seed + options.firstBatch,
      threads: options.threads,
    },
    model.weights,
  );
  const fixed = teacherFeeds(teacher.weights);
  const curve: CurvePoint[] = [...(options.resume?.progress.curve ?? [])];
  const monitor = new LossMonitor(options.resume?.progress.monitor);
  if (options.resume) step.restore(options.resume.state, options.resume.progress.step);
  const started = performance.now();
  const before = options.resume?.progress.seconds ?? 0;
  const progress = (): StageProgress => ({
    step: step.step,
    monitor: monitor.read(),
    curve: [...curve],
    seconds: before + (performance.now() - started) / 1000,
  });
  let good = { state: step.snapshot(), progress: progress() };
  let savedAt = started;
  const firstStep = step.step;
  let window: { loss: number; gradientNorm: number; terms: Record<string, number>; count: number } = emptyWindow();
  const schedule = {
    peak: training.learningRate,
    warmup: Math.max(1, Math.round(training.warmup * total)),
    total,
    final: training.finalRate,
  };

  try {
    while (step.step < total && !(options.signal?.aborted && step.step % pointEvery === 0)) {
      const at = step.step;
      const learningRate = warmupCosine(at, schedule) * monitor.rateFactor;
      const ramp = training.ramp > 0 ? Math.min(1, (at + 1) / (training.ramp * total)) : 1;
      // After a roll-back other batches follow, so that one bad batch is not met again.
      const feeds = {
        ...options.batches.feeds(options.firstBatch + at + monitor.rollbacks * otherBatches, options.draw),
        ...fixed,
      };
      const result = await step
        .run(feeds, learningRate, {
          task: losses.task,
          distillation: losses.distillation,
          features: losses.features,
          range: losses.range * ramp,
          variance: losses.variance * ramp,
        })
        .catch((error: unknown) => {
          if (error instanceof DivergenceError) return undefined;
          throw error;
        });
      if (!result || !monitor.accept(result.loss)) {
        monitor.rollBack(good.progress.monitor);
        if (monitor.rollbacks > mostRollbacks) throw unstable(options.name, at, monitor.rollbacks);
        step.restore(good.state, good.progress.step);
        curve.splice(good.progress.curve.length);
        window = emptyWindow();
        continue;
      }
      window.count += 1;
      window.loss += result.loss;
      window.gradientNorm += result.gradientNorm;
      for (const [name, value] of Object.entries(result.terms)) window.terms[name] = (window.terms[name] ?? 0) + value;
      const now = step.step;
      if (now % pointEvery === 0 || now === total) {
        const mean = (value: number) => Number((value / window.count).toPrecision(5));
        curve.push({
          step: now,
          loss: mean(window.loss),
          learningRate: Number(learningRate.toPrecision(4)),
          gradientNorm: mean(window.gradientNorm),
          terms: Object.fromEntries(Object.entries(window.terms).map(([name, value]) => [name, mean(value)])),
        });
        const pace = (performance.now() - started) / 1000 / (now - firstStep);
        options.onProgress?.({ step: now, steps: total, loss: curve.at(-1)!.loss, secondsLeft: pace * (total - now) });
        window = emptyWindow();
        if (curve.length % pointsPerSnapshot === 0) good = { state: step.snapshot(), progress: progress() };
        if (options.save && performance.now() - savedAt > 1000 * checkpointSeconds) {
          options.save({ state: step.snapshot(), progress: progress() });
          savedAt = performance.now();
        }
      }
    }
    const end = progress();
    if (step.step < total) options.save?.({ state: step.snapshot(), progress: end });
    return {
      finished: step.step >= total,
      model: { config: model.config, weights: step.weights(true) },
      progress: end,
    };
  } finally {
    await step.close();
  }
}

/** Deviations within which usual values of a normalisation lie, before its gain. */
const usualDeviations = 4;

const normLimits = (config: ModelConfig): SiteLimits[] =>
  normNames(config).map((pattern) => ({ pattern, low: -usualDeviations, high: usualDeviations }));

/** Limits widened by a factor about their middle. */
function clampsOf(limits: readonly SiteLimits[], factor: number) {
  return (site: string): readonly [number, number] | undefined => {
    const found = limitsOf(site, limits);
    if (!found) return undefined;
    const centre = (found.low + found.high) / 2;
    const half = (factor * (found.high - found.low)) / 2;
    return [centre - half, centre + half];
  };
}

const emptyWindow = () => ({ loss: 0, gradientNorm: 0, terms: {} as Record<string, number>, count: 0 });

function varianceLimits({ variances, training }: StageOptions): SiteLimits[] {
  const ratio = training.limits.varianceRatio;
  return [...variances].map(([name, mean]) => ({ pattern: `${name}.variance`, low: mean / ratio, high: mean * ratio }));
}

function unstable(name: string, step: number, rollbacks: number): UnstableTrainingError {
  return new UnstableTrainingError(
    `Stage "${name}" diverged ${rollbacks} times, last at step ${step + 1}, though the learning rate was halved each ` +
      'time. Lower its learningRate, raise losses.range, or split the change (freeze-norms one-by-one).',
  );
}
