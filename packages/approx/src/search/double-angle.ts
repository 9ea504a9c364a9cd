import { type Approximation, makeApproximation } from '../approximation.ts';
import { ConvergenceError } from '../errors.ts';
import type { Target } from '../fit/fit.ts';
import { optimalDepth } from '../program/plan.ts';
import { cosineDoubleAngle } from '../programs/cosine.ts';
import type { SearchGoal } from './candidate.ts';

/** cos(2 pi x) by 1 to 6 double angles of a slower cosine, each with the least depth of polynomial that is enough. */
export function* cosineCandidates(target: Target, goal: SearchGoal): Iterable<Approximation> {
  if (target.objective.kind !== 'absolute' || target.density !== undefined) return;
  for (let doubleAngles = 1; doubleAngles <= 6; doubleAngles++) {
    const top = Math.min(goal.maxLevels - doubleAngles, optimalDepth(Math.min(255, goal.maxDegree)));
    for (let levels = 2; levels <= top; levels++) {
      const full = tryDegree(target, 2 ** levels - 2, doubleAngles);
      if (full === undefined) break;
      if (full.error > goal.maxError) {
        if (levels === top) yield approximation(target, full);
        continue;
      }
      let enough = full;
      let low = 2 ** (levels - 1) - 2;
      let high = full.degree;
      while (high - low > 2) {
        const middle = low + 2 * Math.floor((high - low) / 4);
        const candidate = tryDegree(target, middle, doubleAngles);
        if (candidate !== undefined && candidate.error <= goal.maxError) {
          enough = candidate;
          high = middle;
        } else low = middle;
      }
      yield approximation(target, enough);
      break;
    }
  }
}

type Tried = ReturnType<typeof cosineDoubleAngle> & { readonly degree: number; readonly doubleAngles: number };

function tryDegree(target: Target, degree: number, doubleAngles: number): Tried | undefined {
  try {
    return { ...cosineDoubleAngle(target.domain, degree, doubleAngles), degree, doubleAngles };
  } catch (error) {
    if (error instanceof ConvergenceError) return undefined;
    throw error;
  }
}

function approximation(target: Target, { degree, doubleAngles, program, error }: Tried): Approximation {
  return makeApproximation('double angle', `degree ${degree}, ${doubleAngles} double angles`, {
    ...target,
    program,
    provedByStages: error,
  });
}
