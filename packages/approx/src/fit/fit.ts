import { type Approximation, type Method, makeApproximation, polynomialProgram } from '../approximation.ts';
import { type Objective, relativeWeight } from '../certificate/certificate.ts';
import { ConvergenceError, OptionError } from '../errors.ts';
import type { Density } from '../functions/density.ts';
import { type FunctionInput, toTarget } from '../functions/resolve.ts';
import { checkPoles, type TargetFunction, valueAt } from '../functions/target.ts';
import { type Domain, describeDomain, fromUnit, type IntervalInput, toDomain } from '../interval.ts';
import { checkDegree, type Polynomial } from '../polynomial.ts';
import type { Constraint, FitProblem, ParityChoice } from './ansatz.ts';
import { interpolate, truncate } from './chebyshev.ts';
import { leastSquares } from './least-squares.ts';
import { type RemezOptions, type RemezResult, remez } from './remez.ts';

/** What is common to every request for an approximation. */
export interface TargetOptions {
  readonly fn: FunctionInput;
  /** One interval or several disjoint ones, in the units of x. */
  readonly interval: IntervalInput;
  /** What is minimised: the absolute error (the default) or the relative one. */
  readonly error?: 'absolute' | 'relative';
  /** Minimise weight * |p - f| instead; positive on the interval. */
  readonly weight?: FunctionInput;
  /** Observed inputs: chooses least squares over them unless a method is named, and adds the mean error to the certificate. */
  readonly density?: Density;
}

/** How to fit a polynomial to a target. */
export interface PolynomialOptions {
  readonly degree: number;
  /** Default: 'least-squares' with a density, otherwise 'minimax'. */
  readonly method?: 'minimax' | 'interpolation' | 'truncation' | 'least-squares';
  readonly parity?: ParityChoice;
  readonly constraints?: readonly Constraint[];
}

export interface FitOptions extends TargetOptions, PolynomialOptions {}

/** A request with its function, domain and objective checked. */
export interface Target {
  readonly fn: TargetFunction;
  readonly domain: Domain;
  readonly objective: Objective;
  readonly density?: Density;
}

/** @throws ApproxError for anything unusable in the request */
export function resolveTarget(options: TargetOptions): Target {
  const fn = toTarget(options.fn);
  const domain = toDomain(options.interval);
  checkPoles(fn, domain);
  probe(fn, domain);
  if (options.weight !== undefined && options.error === 'relative')
    throw new OptionError('give either a weight or error: "relative", not both');
  const objective = makeObjective(fn, domain, options);
  return { fn, domain, objective, ...(options.density && { density: options.density }) };
}

function makeObjective(fn: TargetFunction, domain: Domain, options: TargetOptions): Objective {
  if (options.weight !== undefined) {
    const weight = toTarget(options.weight);
    probe(weight, domain, (w, x) => {
      if (w < 0) throw new OptionError(`the weight ${weight.name} is ${w} at x = ${x}: weights may not be negative`);
    });
    return { kind: 'weighted', weight };
  }
  if (options.error !== 'relative') return { kind: 'absolute' };
  let sign = 0;
  probe(fn, domain, (y, x) => {
    if (y === 0 || Math.sign(y) === -sign)
      throw new OptionError(
        `${fn.name} is zero or changes sign near x = ${x}, where a relative error means nothing: use the absolute error or other intervals`,
      );
    sign = Math.sign(y);
  });
  return { kind: 'relative', weight: relativeWeight(fn) };
}

/** Evaluates at the ends and 64 points between, so that bad functions fail early and clearly. */
function probe(fn: TargetFunction, domain: Domain, check: (y: number, x: number) => void = () => {}): void {
  for (const part of domain) {
    for (let i = 0; i <= 65; i++) {
      const x = fromUnit(part, -Math.cos((Math.PI * i) / 65));
      check(valueAt(fn, x), x);
    }
  }
}

/**
 * The best polynomial of a degree, certified. Minimax unless a density or a method says otherwise.
 *
 * Where the best error is below what doubles resolve, a minimax request returns the Chebyshev interpolant, whose error
 * is then rounding too, and says so in `certificate.notes`.
 *
 * @throws ApproxError (IntervalError, FunctionValueError, DegreeError, OptionError, ConvergenceError, CertificateError)
 */
export function fit(options: FitOptions): Approximation {
  return fitTarget(resolveTarget(options), options);
}

/** `fit` for a request that has been checked, so that a search checks it once. */
export function fitTarget(target: Target, options: PolynomialOptions): Approximation {
  const degree = checkDegree(options.degree);
  const { fn, domain, objective, density } = target;
  const problem: FitProblem = {
    fn,
    domain,
    degree,
    ...(objective.weight && { weight: objective.weight.value }),
    ...(options.parity && { parity: options.parity }),
    ...(options.constraints && { constraints: options.constraints }),
  };
  const method = options.method ?? (density ? 'least-squares' : 'minimax');
  const { polynomial, remezResult, used, notes } = run(method, problem, density);
  return makeApproximation(used, `degree ${polynomial.degree}`, {
    ...target,
    program: polynomialProgram(polynomial),
    ...(remezResult && { optimum: remezResult.referenceError, alternation: remezResult.alternation }),
    notes,
  });
}

interface Run {
  readonly polynomial: Polynomial;
  readonly remezResult?: RemezResult;
  readonly used: Method;
  readonly notes: readonly string[];
}

function run(method: NonNullable<FitOptions['method']>, problem: FitProblem, density: Density | undefined): Run {
  switch (method) {
    case 'interpolation':
      return { polynomial: interpolate(problem), used: method, notes: [] };
    case 'truncation':
      return { polynomial: truncate(problem), used: method, notes: [] };
    case 'least-squares':
      return { polynomial: leastSquares(problem, density), used: method, notes: [] };
    case 'minimax':
      return runMinimax(problem);
    default:
      throw new OptionError(
        `there is no method "${String(method)}": use minimax, interpolation, truncation or least-squares`,
      );
  }
}

function runMinimax(problem: FitProblem): Run {
  const minimax = (options: RemezOptions): Run => {
    const remezResult = remez(problem, options);
    return { polynomial: remezResult.polynomial, remezResult, used: 'minimax', notes: [] };
  };
  try {
    return minimax({});
  } catch (error) {
    if (!(error instanceof ConvergenceError) || error.reason !== 'rounding') throw error;
    // On one interval the interpolant is then as good; across gaps or with constraints only more digits help.
    if (problem.domain.length > 1 || problem.constraints?.length) {
      if (problem.fn.precise === undefined) throw error;
      return minimax({ precision: 'double-double' });
    }
    const note = `the best error is below what doubles resolve on ${describeDomain(problem.domain)}, so this is the Chebyshev interpolant; a lower degree would do`;
    return { polynomial: interpolate(problem), used: 'interpolation', notes: [note] };
  }
}
