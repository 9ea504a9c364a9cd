import { startPace } from '@cipherformer/base';
import type { Parameters } from '@cipherformer/ckks';
import type { EncryptedProgram } from '@cipherformer/runtime';
import { predictSeconds } from './predict.ts';

/** How far a run has come. */
export interface RunWork {
  /** Predicted seconds of processor time, whole; the last instruction alone makes it the total. */
  readonly done: number;
  /** At least 1. */
  readonly total: number;
  /** At the speed so far. */
  readonly secondsLeft: number | undefined;
}

/** What of an open program is needed here. */
interface Measured {
  readonly program: EncryptedProgram;
  readonly parameters: Parameters;
}

/** Follows a run by the seconds that its instructions are predicted to take. Call it after each, in their order. */
export function followRun({ program, parameters }: Measured): (timing: { readonly index: number }) => RunWork {
  const seconds = predictSeconds(program, parameters);
  const predicted = seconds.reduce((sum, s) => sum + s, 0);
  const total = Math.max(1, Math.round(predicted));
  const pace = startPace();
  let worked = 0;
  return ({ index }) => {
    worked += seconds[index]!;
    const last = index === program.instructions.length - 1;
    // Sums of seconds may be a little off the sum: the end is reached once, and never before it.
    const done = last ? total : Math.min(total - 1, Math.floor(worked));
    return { done, total, secondsLeft: last ? 0 : pace(Math.min(worked, predicted), predicted) };
  };
}
