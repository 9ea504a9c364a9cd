import { DegreeError, OptionError } from '../errors.ts';
import type { Symmetry, TargetFunction } from '../functions/target.ts';
import {
  type Domain,
  describeDomain,
  fromUnit,
  hull,
  type Interval,
  isSymmetric,
  positivePart,
  toUnit,
} from '../interval.ts';
import { chebyshevCoefficients, chebyshevNodes } from '../numeric/chebyshev-transform.ts';
import { Polynomial } from '../polynomial.ts';

/** p(x) = value is to hold exactly; without a value, p(x) = f(x). */
export interface Constraint {
  readonly x: number;
  readonly value?: number;
}

/** 'auto' uses the symmetry of f where interval and weight share it; 'even' and 'odd' demand it of p. */
export type ParityChoice = 'auto' | 'none' | 'even' | 'odd';

export interface FitProblem {
  readonly fn: TargetFunction;
  readonly domain: Domain;
  readonly degree: number;
  /** Positive weight of the error; 1 where absent. */
  readonly weight?: (x: number) => number;
  readonly parity?: ParityChoice;
  readonly constraints?: readonly Constraint[];
}

/**
 * The shape every fit of this package has: p(x) = base(x) + factor(x) q(u(x)) with a free polynomial q on [-1, 1].
 * Parity makes u quadratic in x and halves the unknowns; constraints go into base (an interpolant) and factor (its node
 * polynomial), so q is free and one exchange or one least-squares solver serves every combination.
 */
export interface Ansatz {
  /** Where the error is looked at: the half x >= 0 when there is a parity. */
  readonly domain: Domain;
  readonly parity: 'none' | 'even' | 'odd';
  /** Degree of q. */
  readonly unknownDegree: number;
  u(x: number): number;
  base(x: number): number;
  factor(x: number): number;
  /** The polynomial p for a given q, on the hull of the whole domain. */
  assemble(q: (u: number) => number): Polynomial;
}

/** Whether the problem may be solved on half the domain without changing its solution. */
function usableSymmetry(problem: FitProblem, constraints: readonly Required<Constraint>[]): Symmetry | undefined {
  const { fn, domain, weight } = problem;
  const symmetry = fn.symmetry;
  if (symmetry === undefined || !isSymmetric(domain)) return undefined;
  // The rest constant + slope * x has to be within reach of p.
  if (symmetry.slope !== 0 && problem.degree < 1) return undefined;
  const [, reach] = hull(domain);
  if (weight !== undefined && !hasParity(weight, 1, domain)) return undefined;
  const kept = constraints.every(
    ({ x, value }) => x === 0 || Math.abs(value - fn.value(x)) <= 1e-15 * (1 + Math.abs(value) + reach),
  );
  return kept ? symmetry : undefined;
}

/** Whether g(-x) = sign * g(x), judged at a few points of a symmetric domain. */
function hasParity(g: (x: number) => number, sign: 1 | -1, domain: Domain): boolean {
  return positivePart(domain).every(([lo, hi]) =>
    Array.from({ length: 17 }, (_, i) => lo + ((hi - lo) * (i + 0.37)) / 16.74).every(
      (x) => Math.abs(g(-x) - sign * g(x)) <= 1e-12 * Math.abs(g(x)),
    ),
  );
}

function resolveConstraints(problem: FitProblem): Required<Constraint>[] {
  const [lo, hi] = hull(problem.domain);
  return (problem.constraints ?? []).map(({ x, value }) => {
    const wanted = value ?? problem.fn.value(x);
    if (!Number.isFinite(x) || !Number.isFinite(wanted))
      throw new OptionError(`the constraint p(${x}) = ${wanted} is not finite: give it a point and a value`);
    if (x < lo || x > hi)
      throw new OptionError(`the constraint at x = ${x} lies outside ${describeDomain(problem.domain)}`);
    return { x, value: wanted };
  });
}

/** @throws OptionError for parities or constraints that cannot hold, DegreeError when they leave no freedom */
export function makeAnsatz(problem: FitProblem): Ansatz {
  const constraints = resolveConstraints(problem);
  const choice = problem.parity ?? 'auto';
  const hullInterval = hull(problem.domain);
  if (choice === 'even' || choice === 'odd') {
    if (!isSymmetric(problem.domain))
      throw new OptionError(
        `parity "${choice}" needs an interval symmetric about 0, not ${describeDomain(problem.domain)}`,
      );
    if (!hasParity(problem.fn.value, choice === 'even' ? 1 : -1, problem.domain))
      throw new OptionError(`${problem.fn.name} is not ${choice}: fit its ${choice} part, or leave parity to "auto"`);
    if (problem.weight !== undefined && !hasParity(problem.weight, 1, problem.domain))
      throw new OptionError(`parity "${choice}" needs a weight with w(-x) = w(x)`);
    return paritySolved(problem, constraints, { parity: choice, constant: 0, slope: 0 });
  }
  const symmetry = choice === 'auto' ? usableSymmetry(problem, constraints) : undefined;
  if (symmetry) return paritySolved(problem, constraints, symmetry);

  const unit = (x: number) => toUnit(hullInterval, x);
  const { base, factor } = constrained(
    unit,
    constraints.map(({ x, value }) => ({ u: unit(x), value })),
    problem.degree,
  );
  return {
    domain: problem.domain,
    parity: 'none',
    unknownDegree: problem.degree - constraints.length,
    u: unit,
    base,
    factor,
    assemble: (q) =>
      samplePolynomial(
        (x) => base(x) + factor(x) * q(unit(x)),
        problem.degree,
        hullInterval,
        () => true,
      ),
  };
}

function paritySolved(problem: FitProblem, constraints: readonly Required<Constraint>[], symmetry: Symmetry): Ansatz {
  const half = positivePart(problem.domain);
  const [lo, hi] = hull(half);
  const isOdd = symmetry.parity === 'odd';
  const degree = problem.degree % 2 === (isOdd ? 1 : 0) ? problem.degree : problem.degree - 1;
  if (degree < 0) throw new DegreeError('an odd polynomial needs a degree of at least 1');
  // u runs over [-1, 1] as x^2 runs over [lo^2, hi^2]; differences of squares as products keep small x exact.
  const u = (x: number) => ((x - lo) * (x + lo) - (hi - x) * (hi + x)) / ((hi - lo) * (hi + lo));
  const rest = (x: number) => symmetry.constant + symmetry.slope * x;
  const conditions: { u: number; value: number }[] = [];
  for (const { x, value } of constraints) {
    const wanted = value - rest(x);
    if (isOdd && x === 0) {
      if (wanted !== 0) throw new OptionError(`an odd polynomial is 0 at 0, so p(0) = ${value} cannot hold`);
    } else {
      const condition = { u: u(x), value: isOdd ? wanted / x : wanted };
      const same = conditions.find((c) => c.u === condition.u);
      if (same === undefined) conditions.push(condition);
      else if (Math.abs(same.value - condition.value) > 1e-12 * (1 + Math.abs(same.value)))
        throw new OptionError(`the constraints at x = ${x} and ${-x} contradict the ${symmetry.parity} parity`);
    }
  }
  const outer = (x: number) => (isOdd ? x : 1);
  const inner = constrained(u, conditions, Math.floor(degree / 2));
  const base = (x: number) => rest(x) + outer(x) * inner.base(x);
  const factor = (x: number) => outer(x) * inner.factor(x);
  const hullInterval: Interval = [-hi, hi];
  return {
    domain: half,
    parity: symmetry.parity,
    unknownDegree: Math.floor(degree / 2) - conditions.length,
    u,
    base,
    factor,
    assemble: (q) => {
      const g = samplePolynomial(
        (x) => outer(x) * inner.base(x) + factor(x) * q(u(x)),
        degree,
        hullInterval,
        (j) => j % 2 === degree % 2,
      );
      const coefficients = [...g.coefficients];
      if (symmetry.slope !== 0) coefficients[1] = (coefficients[1] ?? 0) + symmetry.slope * hi;
      coefficients[0] = coefficients[0]! + symmetry.constant;
      return new Polynomial(coefficients, hullInterval);
    },
  };
}

/** The interpolant of the conditions and their node polynomial, as functions of x through u(x). */
function constrained(u: (x: number) => number, conditions: readonly { u: number; value: number }[], degree: number) {
  for (let i = 0; i < conditions.length; i++) {
    if (conditions.findIndex((c) => c.u === conditions[i]!.u) !== i)
      throw new OptionError('two constraints are at the same point: keep one of them');
  }
  if (degree < conditions.length)
    throw new DegreeError(
      `the degree is too low for ${conditions.length} constraint(s): raise it or drop a constraint`,
    );
  const base = (x: number) => {
    const v = u(x);
    return conditions.reduce((sum, { u: node, value }, i) => {
      let term = value;
      for (let j = 0; j < conditions.length; j++)
        if (j !== i) term *= (v - conditions[j]!.u) / (node - conditions[j]!.u);
      return sum + term;
    }, 0);
  };
  const factor = (x: number) => conditions.reduce((product, { u: node }) => product * (u(x) - node), 1);
  return { base, factor };
}

/** The polynomial of that degree through its own values; `keep` says which coefficients may be nonzero. */
function samplePolynomial(
  p: (x: number) => number,
  degree: number,
  interval: Interval,
  keep: (j: number) => boolean,
): Polynomial {
  const values = chebyshevNodes(degree + 1).map((t) => p(fromUnit(interval, t)));
  return new Polynomial(
    chebyshevCoefficients(values).map((c, j) => (keep(j) ? c : 0)),
    interval,
  );
}
