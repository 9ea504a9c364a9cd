import { type Approximation, makeApproximation } from '../approximation.ts';
import { ConvergenceError } from '../errors.ts';
import type { Target } from '../fit/fit.ts';
import { hull, type Interval } from '../interval.ts';
import { ProgramBuilder } from '../program/builder.ts';
import { optimalDepth } from '../program/plan.ts';
import type { Program } from '../program/program.ts';
import { exponentialPower } from '../programs/exponential.ts';
import { inverseSqrtErrors, inverseSqrtIteration, inverseSqrtStart } from '../programs/inverse-sqrt.ts';
import { reciprocalIteration, reciprocalStartError } from '../programs/reciprocal.ts';
import type { SearchGoal } from './candidate.ts';

const maxSteps = 24;
/** A start this good needs no step, and its exchange runs into the rounding of doubles. */
const startFloor = 1e-9;

/** Starts worth trying: the largest degree of each depth, which costs no more levels than a smaller one. */
function startDegrees(goal: SearchGoal): number[] {
  const degrees: number[] = [];
  for (let levels = 1; 2 ** levels - 1 <= Math.min(127, goal.maxDegree); levels++) degrees.push(2 ** levels - 1);
  return degrees;
}

/** Relative error that is enough: given, or the absolute one divided by the largest value. */
function relativeGoal(target: Target, goal: SearchGoal, largest: number): number {
  return target.objective.kind === 'relative' ? goal.maxError : goal.maxError / largest;
}

/** Whether the family's iterations measure what the target asks for. */
function iterates(target: Target): boolean {
  return target.domain.length === 1 && target.objective.kind !== 'weighted' && target.density === undefined;
}

function relative(
  target: Target,
  description: string,
  method: 'iteration' | 'repeated squaring',
  program: Program,
  relativeError: number,
  largest: number,
): Approximation {
  const proved = target.objective.kind === 'relative' ? relativeError : relativeError * largest;
  return makeApproximation(method, description, { ...target, program, provedByStages: proved });
}

/** 1/x on a positive interval: for each depth of start the fewest Goldschmidt steps that reach the goal. */
export function* reciprocalCandidates(target: Target, goal: SearchGoal): Iterable<Approximation> {
  const interval = hull(target.domain);
  if (!iterates(target) || interval[0] <= 0) return;
  const largest = 1 / interval[0];
  const wanted = relativeGoal(target, goal, largest);
  for (const degree of startDegrees(goal)) {
    const start = reciprocalStartError(interval, degree);
    if (start < startFloor) return;
    const most = Math.min(maxSteps, goal.maxLevels - optimalDepth(degree) - 1);
    const steps = fewest(most, (k) => start ** (2 ** k) <= wanted * 0.999);
    if (steps < 1) continue;
    const { program, relativeError } = reciprocalIteration(interval, degree, steps);
    yield relative(
      target,
      `degree ${degree}, ${steps} Goldschmidt steps`,
      'iteration',
      program,
      relativeError,
      largest,
    );
  }
}

/** 1/sqrt(x) and sqrt(x) = x / sqrt(x): the same search with Newton steps of two levels. */
export function* inverseSqrtCandidates(target: Target, goal: SearchGoal): Iterable<Approximation> {
  const interval = hull(target.domain);
  if (!iterates(target) || interval[0] <= 0) return;
  const isRoot = target.fn.family === 'sqrt';
  const largest = isRoot ? Math.sqrt(interval[1]) : 1 / Math.sqrt(interval[0]);
  const wanted = relativeGoal(target, goal, largest);
  for (const degree of startDegrees(goal)) {
    const start = tryStart(interval, degree);
    if (start === undefined || start < startFloor) return;
    // Where the start does not stay clear of 0 the steps take longer than the next start does.
    if (start > 0.9999) continue;
    const spare = goal.maxLevels - optimalDepth(degree) - (isRoot ? 1 : 0);
    const most = Math.min(maxSteps, Math.floor(spare / 2));
    const errors = inverseSqrtErrors(start, Math.max(0, most));
    const steps = fewest(Math.min(most, errors.length - 1), (k) => errors[k]! <= wanted * 0.998);
    if (steps < (isRoot ? 0 : 1)) continue;
    const { program, relativeError } = inverseSqrtIteration(interval, degree, steps);
    const whole = isRoot ? timesX(program, interval) : program;
    yield relative(target, `degree ${degree}, ${steps} Newton steps`, 'iteration', whole, relativeError, largest);
  }
}

function tryStart(interval: Interval, degree: number): number | undefined {
  try {
    return inverseSqrtStart(interval, degree).error;
  } catch (error) {
    if (error instanceof ConvergenceError) return undefined;
    throw error;
  }
}

function timesX(program: Program, interval: Interval): Program {
  const builder = new ProgramBuilder(interval);
  const x = builder.affineOfX(1);
  // Steps refer to values by number, and x has become value 1.
  const shift = (value: number) => (value === 0 ? 0 : value + 1);
  const steps = program.steps.map((step) => {
    if (step.op === 'product') return { ...step, left: shift(step.left), right: shift(step.right) };
    if (step.op !== 'affine') return { ...step, value: shift(step.value) };
    return { ...step, terms: step.terms.map(({ value, factor }) => ({ value: shift(value), factor })) };
  });
  const last = steps.length + 1;
  return { interval, steps: [...builder.build().steps, ...steps, { op: 'product', left: x, right: last }] };
}

/** exp as a power: for each number of squarings the least depth of base that reaches the goal. */
export function* exponentialCandidates(target: Target, goal: SearchGoal): Iterable<Approximation> {
  if (!iterates(target)) return;
  const [lo, hi] = hull(target.domain);
  const largest = Math.exp(hi);
  const wanted = relativeGoal(target, goal, largest);
  for (let squarings = 1; squarings <= Math.min(maxSteps, goal.maxLevels - 1); squarings++) {
    const width = (hi - lo) * 2 ** -squarings;
    if (width > 40) continue;
    let last: Approximation | undefined;
    for (const degree of startDegrees(goal)) {
      if (optimalDepth(degree) + squarings > goal.maxLevels || degree > 31) break;
      // The minimax error of exp in relative terms is about 2 (width/4)^(degree+1) / (degree+1)! (Bernstein).
      let estimate = 2;
      for (let j = 1; j <= degree + 1; j++) estimate *= width / 4 / j;
      if (estimate < 1e-14) break;
      const { program, relativeError } = exponentialPower([lo, hi], degree, squarings);
      if (!(relativeError < 1)) continue;
      last = relative(
        target,
        `degree ${degree}, ${squarings} squarings`,
        'repeated squaring',
        program,
        relativeError,
        largest,
      );
      if (relativeError <= wanted) break;
    }
    if (last !== undefined) yield last;
  }
}

/** The least k in 1 .. most that is enough; `most` when none is, so that a level limit still gives its best. */
function fewest(most: number, enough: (k: number) => boolean): number {
  for (let k = 1; k <= most; k++) if (enough(k)) return k;
  return most;
}
