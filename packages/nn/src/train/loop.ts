import { DivergenceError } from '../errors.ts';
import type { Feeds } from '../onnx/session.ts';
import { type Schedule, warmupCosine } from './schedule.ts';
import type { StepResult, TrainingStep } from './step.ts';

/** Means over the steps of a window: those since the window before it, or since training diverged. */
export interface TrainingWindow {
  /** Steps taken when it ended. */
  readonly step: number;
  /** Of its last step. */
  readonly learningRate: number;
  readonly loss: number;
  readonly gradientNorm: number;
  readonly terms: Readonly<Record<string, number>>;
}

/** How training goes on when it diverges. */
export interface Recovery {
  /** Factor on the scheduled learning rate. */
  readonly rateFactor: number;
  /** Notes the loss of a step that was taken; false where it tells that training has diverged. */
  accept(loss: number): boolean;
  /** Brings the training step back to where training goes on from. `at`: steps taken before the one that failed. */
  rollBack(at: number): void;
}

export interface CheckpointPolicy {
  /** Seconds between checkpoints. */
  readonly everySeconds: number;
  /** Whether one is written after this many steps, whatever the time. */
  readonly after?: (step: number) => boolean;
  readonly write: () => void;
}

export interface TrainingLoop {
  /** The loop takes steps from where this stands to the end of the schedule. */
  readonly step: Pick<TrainingStep, 'step' | 'run'>;
  readonly schedule: Schedule;
  /** Inputs and targets of a step, by the number of steps before it. */
  readonly feeds: (at: number) => Feeds;
  /** Factors of the loss terms in a step; absent: 1. */
  readonly lossWeights?: (at: number) => Readonly<Record<string, number>>;
  /** Whether a window ends after this many steps; one ends with the last step in any case. */
  readonly windowEnds: (step: number) => boolean;
  readonly onWindow: (window: TrainingWindow) => void | Promise<void>;
  /** Absent: the loop throws what diverges. */
  readonly recovery?: Recovery;
  readonly checkpoint?: CheckpointPolicy;
  /** Aborting ends the loop where it may pause: with a checkpoint, and by throwing the signal's reason. */
  readonly signal?: AbortSignal;
  /** Steps between the places where the loop may pause: to stop, or for a checkpoint. Default 1. */
  readonly pauseEvery?: number;
}

/**
 * Takes the steps of a training, however often it is interrupted: what a step does depends on its number alone, and on what
 * the recovery makes of divergences.
 * @throws the signal's reason where it was aborted before the end of the schedule, after writing a checkpoint
 * @throws DivergenceError without a recovery, with the state of before the step; what the recovery throws when it gives up
 */
export async function runTraining(loop: TrainingLoop): Promise<void> {
  const { step, schedule, recovery, checkpoint, pauseEvery = 1 } = loop;
  const { total } = schedule;
  let sums = new Sums();
  let savedAt = performance.now();
  while (step.step < total && !(loop.signal?.aborted && step.step % pauseEvery === 0)) {
    const at = step.step;
    const learningRate = warmupCosine(at, schedule) * (recovery?.rateFactor ?? 1);
    const result = await step.run(loop.feeds(at), learningRate, loop.lossWeights?.(at)).catch((error: unknown) => {
      if (recovery && error instanceof DivergenceError) return undefined;
      throw error;
    });
    if (!result || (recovery && !recovery.accept(result.loss))) {
      recovery!.rollBack(at);
      sums = new Sums();
      continue;
    }
    sums.add(result);
    const now = step.step;
    if (now === total || loop.windowEnds(now)) {
      await loop.onWindow({ step: now, learningRate, ...sums.means() });
      sums = new Sums();
    }
    if (!checkpoint || !(now === total || now % pauseEvery === 0)) continue;
    if (checkpoint.after?.(now) || performance.now() - savedAt > 1000 * checkpoint.everySeconds) {
      checkpoint.write();
      savedAt = performance.now();
    }
  }
  if (step.step < total) {
    checkpoint?.write();
    loop.signal?.throwIfAborted();
  }
}

class Sums {
  #count = 0;
  #loss = 0;
  #gradientNorm = 0;
  readonly #terms = new Map<string, number>();

  add({ loss, gradientNorm, terms }: StepResult): void {
    this.#count += 1;
    this.#loss += loss;
    this.#gradientNorm += gradientNorm;
    for (const [name, value] of Object.entries(terms)) this.#terms.set(name, (this.#terms.get(name) ?? 0) + value);
  }

  means(): Pick<TrainingWindow, 'loss' | 'gradientNorm' | 'terms'> {
    const mean = (sum: number) => sum / this.#count;
    return {
      loss: mean(this.#loss),
      gradientNorm: mean(this.#gradientNorm),
      terms: Object.fromEntries([...this.#terms].map(([name, sum]) => [name, mean(sum)])),
    };
  }
}
