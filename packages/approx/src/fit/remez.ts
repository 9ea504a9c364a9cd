import type { ErrorPoint } from '../certificate/certificate.ts';
import { ConvergenceError, OptionError } from '../errors.ts';
import { numberAlgebra } from '../functions/algebra.ts';
import { checkPoles } from '../functions/target.ts';
import { contains, type Domain, describeDomain } from '../interval.ts';
import { checkDegree, type Polynomial } from '../polynomial.ts';
import { type Ansatz, type FitProblem, makeAnsatz } from './ansatz.ts';
import { exchange, signedExtrema } from './exchange.ts';
import { doubleSolver, isPrecise, preciseSolver, type Solution, type Solver } from './solver.ts';

export interface RemezResult {
  readonly polynomial: Polynomial;
  /** The weighted error on the reference, equal in size at all its points: no polynomial of this shape can do better (de la Vallee Poussin). */
  readonly referenceError: number;
  /** Where the weighted error reaches its largest size with alternating sign, rising in x. */
  readonly alternation: readonly ErrorPoint[];
  readonly iterations: number;
}

export interface RemezOptions {
  /**
   * 'double' (the default) exchanges in doubles; across gaps and for small errors, where f is known to 100 bits, the last
   * solve is in double-double. 'double-double' exchanges in it too: a hundred times slower, for errors below 1e-13.
   */
  readonly precision?: 'double' | 'double-double';
}

const maxIterations = 100;
/** Passes without improvement before the exchange is taken to be cycling in the rounding. */
const patience = 12;
/** The exchange stops when the largest error exceeds the one on the reference by less than this fraction. */
const tolerance = 1e-11;

/**
 * The best polynomial in the (weighted) maximum norm on one or several intervals, by Remez's second algorithm with
 * multi-point exchange. Cost: O(degree^2) values a pass, five to ten passes for smooth f.
 *
 * @throws ConvergenceError with `reason` 'rounding' when the best error lies below what the precision resolves,
 * 'alternation' when too few sign changes are found (f is itself such a polynomial, or oscillates between the samples),
 * 'constraint' when a fixed value misses f by more than the rest of the error, 'iterations' when the exchange cycles.
 */
export function remez(problem: FitProblem, options: RemezOptions = {}): RemezResult {
  checkDegree(problem.degree);
  checkPoles(problem.fn, problem.domain);
  const ansatz = makeAnsatz(problem);
  const count = ansatz.unknownDegree + 2;
  const { fn, weight = () => 1 } = problem;
  refuseJumps(problem);
  const final = isPrecise(fn) ? preciseSolver(fn, problem, ansatz) : undefined;
  if (options.precision === 'double-double' && final === undefined)
    throw new OptionError(`${fn.name} is only known in doubles: leave precision at "double"`);
  const solver = options.precision === 'double-double' ? final! : doubleSolver(problem, ansatz);
  const breakpoints = fn.breakpoints.filter((x) => contains(ansatz.domain, x));

  let reference = initialReference(ansatz, weight, count);
  let best: State | undefined;
  for (let iteration = 1; iteration <= maxIterations; iteration++) {
    const solution = solver.solve(reference);
    const extrema = signedExtrema(solution.error, ansatz.domain, [...reference, ...breakpoints], count);
    const largest = extrema.reduce((max, e) => Math.max(max, Math.abs(e.error)), 0);
    const h = solution.referenceError;
    const noise = roundingNoise(problem, solver, reference);
    const state = { solution, largest, reference, iteration };
    if (best === undefined || largest < best.largest) best = state;
    else if (iteration - best.iteration > patience) break;
    if (largest - h <= tolerance * h + noise) {
      if (h < 4 * noise) throw roundingError(problem, h);
      refuseDominantConstraint(problem, h);
      return result(problem, ansatz, state, final);
    }
    const next = exchange(extrema, count);
    if (next === undefined) {
      if (h <= 4 * noise) throw roundingError(problem, h);
      refuseDominantConstraint(problem, h);
      throw alternationError(problem, ansatz, extrema.length, count);
    }
    reference = next;
  }
  const h = best!.solution.referenceError;
  const noise = roundingNoise(problem, solver, best!.reference);
  refuseDominantConstraint(problem, h);
  if (best!.largest - h <= 1e-6 * best!.largest + 64 * noise && h > 256 * noise)
    return result(problem, ansatz, best!, final);
  if (best!.largest <= 256 * noise) throw roundingError(problem, h);
  throw new ConvergenceError(
    `${describe(problem)}: Remez did not settle in ${best!.iteration + patience} passes; the error on the reference is ${h.toExponential(2)}, the largest ${best!.largest.toExponential(2)}; lower the degree, or use interpolation`,
    'iterations',
  );
}

/** No polynomial comes nearer to a jump than half of it, and the exchange would only find that out by failing. */
function refuseJumps({ fn, domain }: FitProblem): void {
  for (const x of fn.breakpoints) {
    if (!domain.some(([lo, hi]) => x > lo && x < hi)) continue;
    const step = 2 ** -40 * Math.max(1, Math.abs(x));
    const jump = Math.abs(fn.value(x + step) - fn.value(x - step));
    if (jump > 2 ** -20)
      throw new OptionError(
        `${fn.name} jumps by ${jump} at x = ${x}, inside the interval: leave a gap there, for example [-1, -0.01] and [0.01, 1]`,
      );
  }
}

interface State {
  readonly solution: Solution;
  readonly largest: number;
  readonly reference: readonly number[];
  readonly iteration: number;
}

/** What an evaluation of the weighted error cannot tell from zero. */
function roundingNoise({ fn, weight }: FitProblem, { epsilon }: Solver, reference: readonly number[]): number {
  const size = reference.reduce((max, x) => Math.max(max, (weight?.(x) ?? 1) * Math.abs(fn.value(x))), 0);
  return 8 * epsilon * size;
}

function describe({ fn, degree, domain }: FitProblem): string {
  return `${fn.name}, degree ${degree} on ${describeDomain(domain)}`;
}

function roundingError(problem: FitProblem, h: number): ConvergenceError {
  return new ConvergenceError(
    `${describe(problem)}: the best error is about ${h.toExponential(1)}, below what the arithmetic resolves; lower the degree`,
    'rounding',
  );
}

function alternationError(problem: FitProblem, ansatz: Ansatz, found: number, wanted: number): ConvergenceError {
  const part = ansatz.parity === 'none' ? '' : ` of the ${ansatz.parity} part`;
  return new ConvergenceError(
    `${describe(problem)}: the error${part} alternates at only ${found} of ${wanted} points; the function may be a polynomial of lower degree, or oscillate faster than the samples show`,
    'alternation',
  );
}

/** Where a fixed value is further from f than the rest of the error, no exchange can level the error. */
function refuseDominantConstraint({ fn, constraints, weight = () => 1 }: FitProblem, h: number): void {
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

/**
 * Weighted Leja points: each next point maximises weight * |factor| * distance product. They follow the equilibrium
 * measure of the domain, so they start well on several intervals and with steep weights, where scaled Chebyshev points do not.
 */
function initialReference(ansatz: Ansatz, weight: (x: number) => number, count: number): number[] {
  const xs = candidates(ansatz.domain, 16 * count);
  const { u, factor } = ansatz.maps(numberAlgebra);
  const us = xs.map(u);
  const scores = xs.map((x) => {
    const size = weight(x) * Math.abs(factor(x));
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

function result(problem: FitProblem, ansatz: Ansatz, state: State, final: Solver | undefined): RemezResult {
  const { fn, weight = () => 1 } = problem;
  // Doubles suffice unless the polynomial is carried across gaps or its error nears their rounding.
  const size = state.reference.reduce((max, x) => Math.max(max, weight(x) * Math.abs(fn.value(x))), 0);
  const delicate = ansatz.domain.length > 1 || state.solution.referenceError < 2 ** -30 * size;
  const { p, referenceError } = (delicate && final?.solve(state.reference)) || state.solution;
  const polynomial = ansatz.assemble(p);
  const point = (x: number) => ({ x, error: weight(x) * (polynomial.evaluate(x) - fn.value(x)) });
  const mirrored = ansatz.parity === 'none' ? [] : state.reference.filter((x) => x > 0).map((x) => -x);
  return {
    polynomial,
    referenceError,
    alternation: [...mirrored.reverse(), ...state.reference].map(point),
    iterations: state.iteration,
  };
}
