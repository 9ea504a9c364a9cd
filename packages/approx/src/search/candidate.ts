import type { Approximation } from '../approximation.ts';
import type { Target } from '../fit/fit.ts';

/** What a search tries to meet. At least one of the two is given. */
export interface SearchGoal {
  /** Largest allowed error, of the objective's kind (the mean one with a density). */
  readonly maxError: number;
  /** Largest allowed levels. */
  readonly maxLevels: number;
  /** Largest degree of a single polynomial that is tried. */
  readonly maxDegree: number;
}

/** Ways to approximate one family of functions, from cheap to precise; each yields the candidates worth certifying. */
export type CandidateSource = (target: Target, goal: SearchGoal) => Iterable<Approximation>;

/** The error that a goal is about. */
export function objectiveError({ certificate }: Approximation): number {
  return certificate.density?.rms ?? certificate.error.bound;
}
