import type { Approximation } from '../approximation.ts';
import { ConvergenceError } from '../errors.ts';
import { fitTarget, type Target } from '../fit/fit.ts';
import { optimalDepth } from '../program/plan.ts';
import { objectiveError, type SearchGoal } from './candidate.ts';

/**
 * Single polynomials. Per number of levels k the full degree 2^k - 1 is fitted; where it is precise enough the least
 * degree that still is comes from bisection, because fewer coefficients cost fewer products at the same depth.
 */
export function* polynomialCandidates(target: Target, goal: SearchGoal): Iterable<Approximation> {
  const top = Math.min(goal.maxLevels, optimalDepth(goal.maxDegree));
  for (let levels = 1; levels <= top; levels++) {
    const full = tryFit(target, Math.min(goal.maxDegree, 2 ** levels - 1));
    if (full === undefined) return;
    if (objectiveError(full) > goal.maxError) {
      yield full;
      continue;
    }
    let enough = full;
    let low = levels === 1 ? 0 : 2 ** (levels - 1) - 1;
    let high = full.polynomial!.degree;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      const candidate = tryFit(target, middle);
      if (candidate !== undefined && objectiveError(candidate) <= goal.maxError) {
        enough = candidate;
        high = middle;
      } else low = middle;
    }
    yield enough;
    return;
  }
}

/** Degrees at which an exchange cannot settle are passed over, not fatal to a search. */
function tryFit(target: Target, degree: number): Approximation | undefined {
  try {
    return fitTarget(target, { degree });
  } catch (error) {
    if (error instanceof ConvergenceError) return undefined;
    throw error;
  }
}
