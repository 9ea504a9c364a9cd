import { ConvergenceError, DegreeError } from '../errors.ts';
import { checkPoles, valueAt } from '../functions/target.ts';
import { contains, type Domain, describeDomain } from '../interval.ts';
import { checkDegree, type Polynomial } from '../polynomial.ts';
import { type Ansatz, type FitProblem, makeAnsatz } from './ansatz.ts';
import { type ErrorPoint, exchange, signedExtrema } from './exchange.ts';
import { type Levelled, levelled } from './levelled.ts';

export interface RemezResult {
  readonly polynomial: Polynomial;
  /** The levelled weighted error: no polynomial of this shape can do better (de la Vallee Poussin). */
  readonly levelledError: number;
  /** Where the weighted error reaches its largest size with alternating sign, rising in x. */
  readonly alternation: readonly ErrorPoint[];
  readonly iterations: number;
}

const maxIterations = 100;
/** The exchange stops when the largest error exceeds the levelled one by less than this fraction. */
const tolerance = 1e-11;

/**
 * The best polynomial in the (weighted) maximum norm on one or several intervals, by Remez's second algorithm with
 * multi-point exchange. Cost: O(degree^2) values a pass, five to ten passes for smooth f.
 *
 * @throws ConvergenceError with `reason` 'rounding' when the best error lies below what doubles resolve, 'alternation'
 * when too few sign changes are found (f is itself such a polynomial, or oscillates between the samples),
 * 'constraint' when a fixed value misses f by more than the rest of the error, 'iterations' when the exchange cycles.
 */
export function remez(problem: FitProblem): RemezResult {
  checkDegree(problem.degree);
  checkPoles(problem.fn, problem.domain);
  const ansatz = makeAnsatz(problem);
  const count = ansatz.unknownDegree + 2;
  if (ansatz.unknownDegree < 0)
    throw new DegreeError('the constraints leave no free coefficient for a minimax fit: raise the degree');
  const { fn } = problem;
  const weight = problem.weight ?? (() => 1);
  const breakpoints = fn.breakpoints.filter((x) => contains(ansatz.domain, x));

  let reference = initialReference(ansatz, weight, count);
  let best: RemezState | undefined;
  for (let iteration = 1; iteration <= maxIterations; iteration++) {
    const level = solve(problem, ansatz, weight, reference);
    const p = (x: number) => ansatz.base(x) + ansatz.factor(x) * level.q(ansatz.u(x));
    // The factor's sign belongs to q's error, which is what alternates.
    const error = (x: number) => Math.sign(ansatz.factor(x)) * weight(x) * (valueAt(fn, x) - p(x));
    const extrema = signedExtrema(error, ansatz.domain, [...reference, ...breakpoints], count);
    const largest = extrema.reduce((max, e) => Math.max(max, Math.abs(e.error)), 0);
    const h = Math.abs(level.levelledError);
    const noise = roundingNoise(problem, weight, reference);
    if (best === undefined || largest < best.largest) best = { level, largest, reference, iteration };
    if (largest - h <= tolerance * h + noise) {
      if (h < 4 * noise) throw roundingError(problem, h);
      refuseDominantConstraint(problem, weight, h);
      return finish(problem, ansatz, weight, { level, largest, reference, iteration });
    }
    const next = exchange(extrema, count);
    if (next === undefined) throw stuck(problem, ansatz, extrema.length, count, h, noise);
    reference = next;
  }
  if (best!.largest - Math.abs(best!.level.levelledError) <= 1e-6 * best!.largest)
    return finish(problem, ansatz, weight, best!);
  if (best!.largest <= 64 * roundingNoise(problem, weight, best!.reference))
    throw roundingError(problem, best!.largest);
  throw new ConvergenceError(
    `Remez did not settle in ${maxIterations} passes for ${fn.name}, degree ${problem.degree} on ${describeDomain(problem.domain)}: the levelled error is ${Math.abs(best!.level.levelledError).toExponential(2)}, the largest ${best!.largest.toExponential(2)}; lower the degree, or use interpolation`,
    'iterations',
  );
}

interface RemezState {
  readonly level: Levelled;
  readonly largest: number;
  readonly reference: readonly number[];
  readonly iteration: number;
}

function solve(
  { fn }: FitProblem,
  ansatz: Ansatz,
  weight: (x: number) => number,
  reference: readonly number[],
): Levelled {
  const factors = reference.map((x) => ansatz.factor(x));
  return levelled(
    reference.map((x) => ansatz.u(x)),
    reference.map((x, k) => (valueAt(fn, x) - ansatz.base(x)) / factors[k]!),
    reference.map((x, k) => weight(x) * Math.abs(factors[k]!)),
  );
}

/** What a double evaluation of the weighted error cannot tell from zero. */
function roundingNoise({ fn }: FitProblem, weight: (x: number) => number, reference: readonly number[]): number {
  const size = reference.reduce((max, x) => Math.max(max, weight(x) * Math.abs(fn.value(x))), 0);
  return 8 * 2 ** -52 * size;
}

function roundingError({ fn, degree, domain }: FitProblem, h: number): ConvergenceError {
  return new ConvergenceError(
    `${fn.name} at degree ${degree} on ${describeDomain(domain)} has a best error of about ${h.toExponential(1)}, below what doubles resolve: lower the degree`,
    'rounding',
  );
}

/** Where a fixed value is further from f than the rest of the error, no exchange can level the error. */
function refuseDominantConstraint({ fn, constraints }: FitProblem, weight: (x: number) => number, h: number): void {
  for (const { x, value } of constraints ?? []) {
    if (value === undefined) continue;
    const miss = weight(x) * Math.abs(value - fn.value(x));
    if (miss > h * (1 - 1e-6))
      throw new ConvergenceError(
        `the constraint p(${x}) = ${value} misses ${fn.name} by ${miss.toExponential(2)}, more than the rest of the error: bring it nearer to ${fn.value(x)} or lower the degree`,
        'constraint',
      );
  }
}

function stuck(
  problem: FitProblem,
  ansatz: Ansatz,
  found: number,
  wanted: number,
  h: number,
  noise: number,
): ConvergenceError {
  if (h <= 4 * noise) return roundingError(problem, h);
  const where = `${problem.fn.name}, degree ${problem.degree} on ${describeDomain(problem.domain)}`;
  return new ConvergenceError(
    `${where}: the error alternates at only ${found} of ${wanted} points (on the ${ansatz.parity} part); the function may be a polynomial of lower degree, or oscillate faster than ${8 * wanted} samples show`,
    'alternation',
  );
}

/**
 * Weighted Leja points: each next point maximises weight * |factor| * distance product. They follow the equilibrium
 * measure of the domain, so they start well on several intervals and with steep weights, where scaled Chebyshev points do not.
 */
function initialReference(ansatz: Ansatz, weight: (x: number) => number, count: number): number[] {
  const xs = candidates(ansatz.domain, 16 * count);
  const us = xs.map((x) => ansatz.u(x));
  const scores = xs.map((x) => {
    const size = weight(x) * Math.abs(ansatz.factor(x));
    return size > 0 ? Math.log(size) : Number.NEGATIVE_INFINITY;
  });
  const chosen: number[] = [];
  for (let i = 0; i < count; i++) {
    let top = 0;
    for (let k = 1; k < scores.length; k++) if (scores[k]! > scores[top]!) top = k;
    chosen.push(xs[top]!);
    const at = us[top]!;
    for (let k = 0; k < scores.length; k++) scores[k]! += Math.log(Math.abs(us[k]! - at));
  }
  return chosen.sort((a, b) => a - b);
}

function candidates(domain: Domain, perInterval: number): number[] {
  return domain.flatMap(([lo, hi]) =>
    Array.from({ length: perInterval + 1 }, (_, i) =>
      i === perInterval ? hi : lo + (hi - lo) * Math.sin((Math.PI * i) / (2 * perInterval)) ** 2,
    ),
  );
}

function finish(
  problem: FitProblem,
  ansatz: Ansatz,
  weight: (x: number) => number,
  { level, reference, iteration }: RemezState,
): RemezResult {
  const polynomial = ansatz.assemble(level.q);
  const points = reference.map((x) => ({ x, error: weight(x) * (polynomial.evaluate(x) - problem.fn.value(x)) }));
  const mirrored =
    ansatz.parity === 'none'
      ? []
      : points
          .filter(({ x }) => x > 0)
          .map(({ x }) => ({ x: -x, error: weight(-x) * (polynomial.evaluate(-x) - problem.fn.value(-x)) }))
          .reverse();
  return {
    polynomial,
    levelledError: Math.abs(level.levelledError),
    alternation: [...mirrored, ...points],
    iterations: iteration,
  };
}
