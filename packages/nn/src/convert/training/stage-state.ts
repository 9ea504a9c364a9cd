import type { Weights } from '@cipherformer/model';
import { z } from 'zod';
import { UnstableTrainingError } from '../../errors.ts';
import { RunClock } from '../../train/clock.ts';
import type { Recovery, TrainingWindow } from '../../train/loop.ts';
import type { TrainingStep } from '../../train/step.ts';
import { LossMonitor, monitorSchema } from './monitor.ts';

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

/** Points of the curve between snapshots to roll back to. */
const pointsPerSnapshot = 3;
const mostRollbacks = 5;

/**
 * Where the training of a stage stands: its step, its curve, and the last good snapshot. When training diverges it returns to
 * that snapshot with half the learning rate.
 */
export class StageState implements Recovery {
  readonly #name: string;
  readonly #step: TrainingStep;
  readonly #monitor: LossMonitor;
  readonly #curve: CurvePoint[];
  readonly #clock: RunClock;
  #good: StageCheckpoint;

  /** Of the stage of this name, from the weights that the step holds or from a checkpoint. */
  constructor(name: string, step: TrainingStep, resume?: StageCheckpoint) {
    this.#name = name;
    this.#step = step;
    this.#monitor = new LossMonitor(resume?.progress.monitor);
    this.#curve = [...(resume?.progress.curve ?? [])];
    this.#clock = new RunClock({ wallSeconds: resume?.progress.seconds ?? 0 });
    if (resume) step.restore(resume.state, resume.progress.step);
    this.#good = this.checkpoint();
  }

  get progress(): StageProgress {
    return {
      step: this.#step.step,
      monitor: this.#monitor.read(),
      curve: [...this.#curve],
      seconds: this.#clock.read().wallSeconds,
    };
  }

  checkpoint(): StageCheckpoint {
    return { state: this.#step.snapshot(), progress: this.progress };
  }

  get rollbacks(): number {
    return this.#monitor.rollbacks;
  }

  get rateFactor(): number {
    return this.#monitor.rateFactor;
  }

  accept(loss: number): boolean {
    return this.#monitor.accept(loss);
  }

  /** @throws UnstableTrainingError at the sixth time */
  rollBack(at: number): void {
    const { state, progress } = this.#good;
    this.#monitor.rollBack(progress.monitor);
    if (this.rollbacks > mostRollbacks) throw unstable(this.#name, at, this.rollbacks);
    this.#step.restore(state, progress.step);
    this.#curve.splice(progress.curve.length);
  }

  /** Adds a point to the curve, and takes a snapshot at every third. */
  addPoint({ step, learningRate, loss, gradientNorm, terms }: TrainingWindow): CurvePoint {
    const short = (value: number) => Number(value.toPrecision(5));
    const point: CurvePoint = {
      step,
      loss: short(loss),
      learningRate: Number(learningRate.toPrecision(4)),
      gradientNorm: short(gradientNorm),
      terms: Object.fromEntries(Object.entries(terms).map(([name, value]) => [name, short(value)])),
    };
    this.#curve.push(point);
    if (this.#curve.length % pointsPerSnapshot === 0) this.#good = this.checkpoint();
    return point;
  }
}

function unstable(name: string, step: number, rollbacks: number): UnstableTrainingError {
  return new UnstableTrainingError(
    `Stage "${name}" diverged ${rollbacks} times, last at step ${step + 1}, though the learning rate was halved each ` +
      'time. Lower its learningRate, raise losses.range, or split the change (freeze-norms one-by-one).',
  );
}
