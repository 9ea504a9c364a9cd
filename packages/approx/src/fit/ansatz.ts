import { DegreeError, OptionError } from '../errors.ts';
import type { Algebra } from '../functions/algebra.ts';
import type { Symmetry, TargetFunction } from '../functions/target.ts';
import { type Domain, describeDomain, fromUnit, hull, type Interval, isSymmetric, positivePart } from '../interval.ts';
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
 * The shape every fit has: p(x) = base(x) + factor(x) q(u(x)) with a free polynomial q on [-1, 1]. Parity makes u
 * quadratic in x and halves the unknowns; constraints go into base (an interpolant) and factor (its node polynomial).
 * So q is free, and one exchange or one least-squares solver serves every combination.
 */
export interface Ansatz {
  /** Where the error is looked at: the half x >= 0 when there is a parity. */
  readonly domain: Domain;
  readonly parity: 'none' | 'even' | 'odd';
  /** What the symmetry takes off first: constant + slope * x. */
  readonly rest: { readonly constant: number; readonly slope: number };
  /** Degree of q. */
  readonly unknownDegree: number;
  /** The three maps in an arithmetic: doubles for the exchange, double-doubles for the last solve. */
  maps<T>(arithmetic: Arithmetic<T>): AnsatzMaps<T>;
  /** The polynomial p, from its values less `rest(x)`, at degree + 1 nodes. */
  assemble(p: (x: number) => number): Polynomial;
}

export interface AnsatzMaps<T> {
  u(x: T): T;
  base(x: T): T;
  factor(x: T): T;
}

export type Arithmetic<T> = Pick<Algebra<T>, 'constant' | 'add' | 'subtract' | 'multiply' | 'divide'>;

/** p(x) = value, restated for the part of p that remains after the symmetry's rest and an odd factor x are taken off. */
interface Condition {
  readonly x: number;
  readonly value: number;
}

/** Whether the problem may be solved on half the domain without changing its solution. */
function usableSymmetry(problem: FitProblem, constraints: readonly Required<Constraint>[]): Symmetry | undefined {
  const { fn, domain, weight } = problem;
  if (!isSymmetric(domain)) return undefined;
  const symmetry = fn.symmetry ?? findSymmetry(fn, domain);
  if (symmetry === undefined || (symmetry.parity === 'odd' && problem.degree < 1)) return undefined;
  // The rest constant + slope * x has to be within reach of p.
  if (symmetry.slope !== 0 && problem.degree < 1) return undefined;
  const [, reach] = hull(domain);
  if (weight !== undefined && !hasParity(weight, 1, domain)) return undefined;
  const kept = constraints.every(
    ({ x, value }) => x === 0 || Math.abs(value - fn.value(x)) <= 1e-15 * (1 + Math.abs(value) + reach),
  );
  return kept ? symmetry : undefined;
}

/** The symmetry of a function that states none (user code, expressions), judged at a few points; f(x) = x sigmoid(1.7 x) has one. */
function findSymmetry(fn: TargetFunction, domain: Domain): Symmetry | undefined {
  const [, reach] = hull(domain);
  const slope = (fn.value(reach) - fn.value(-reach)) / (2 * reach);
  if (hasParity((x) => fn.value(x) - slope * x, 1, domain)) return { parity: 'even', constant: 0, slope };
  const constant = (fn.value(reach) + fn.value(-reach)) / 2;
  if (hasParity((x) => fn.value(x) - constant, -1, domain)) return { parity: 'odd', constant, slope: 0 };
  return undefined;
}

/** Whether g(-x) = sign * g(x), judged at a few points of a symmetric domain. */
function hasParity(g: (x: number) => number, sign: 1 | -1, domain: Domain): boolean {
  const [, largest] = hull(domain);
  return positivePart(domain).every(([lo, hi]) =>
    Array.from({ length: 17 }, (_, i) => lo + ((hi - lo) * (i + 0.37)) / 16.74).every(
      (x) => Math.abs(g(-x) - sign * g(x)) <= 1e-13 * Math.max(Math.abs(g(x)), Math.abs(g(largest))),
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
  const interval = hull(problem.domain);
  return finish({
    domain: problem.domain,
    parity: 'none',
    degree: problem.degree,
    interval,
    rest: { constant: 0, slope: 0 },
    conditions: constraints,
    unknownDegree: problem.degree - constraints.length,
    u: (a, x) => {
      const [lo, hi] = interval.map((end) => a.constant(end)) as [typeof x, typeof x];
      return a.divide(a.subtract(a.subtract(x, lo), a.subtract(hi, x)), a.subtract(hi, lo));
    },
  });
}

function paritySolved(problem: FitProblem, constraints: readonly Required<Constraint>[], symmetry: Symmetry): Ansatz {
  const { parity, constant, slope } = symmetry;
  const domain = positivePart(problem.domain);
  const degree = problem.degree % 2 === (parity === 'odd' ? 1 : 0) ? problem.degree : problem.degree - 1;
  if (degree < 0) throw new DegreeError('an odd polynomial needs a degree of at least 1');
  const conditions: Condition[] = [];
  for (const { x, value } of constraints) {
    const wanted = value - (constant + slope * x);
    if (parity === 'odd' && x === 0) {
      if (wanted !== 0) throw new OptionError(`an odd polynomial is 0 at 0, so p(0) = ${value} cannot hold`);
      continue;
    }
    const condition = { x: Math.abs(x), value: parity === 'odd' ? wanted / x : wanted };
    const same = conditions.find((c) => c.x === condition.x);
    if (same === undefined) conditions.push(condition);
    else if (Math.abs(same.value - condition.value) > 1e-12 * (1 + Math.abs(same.value)))
      throw new OptionError(`the constraints at x = ${x} and ${-x} contradict the ${parity} parity`);
  }
  const [lo, hi] = hull(domain);
  return finish({
    domain,
    parity,
    degree,
    interval: [-hi, hi],
    rest: { constant, slope },
    conditions,
    unknownDegree: Math.floor(degree / 2) - conditions.length,
    // u runs over [-1, 1] as x^2 runs over [lo^2, hi^2]; differences of squares as products keep small x exact.
    u: (a, x) => {
      const [l, h] = [a.constant(lo), a.constant(hi)];
      const below = a.multiply(a.subtract(x, l), a.add(x, l));
      const above = a.multiply(a.subtract(h, x), a.add(h, x));
      return a.divide(a.subtract(below, above), a.add(below, above));
    },
  });
}

interface Shape {
  readonly domain: Domain;
  readonly parity: 'none' | 'even' | 'odd';
  readonly degree: number;
  readonly interval: Interval;
  readonly rest: { readonly constant: number; readonly slope: number };
  readonly conditions: readonly Condition[];
  readonly unknownDegree: number;
  readonly u: <T>(arithmetic: Arithmetic<T>, x: T) => T;
}

function finish(shape: Shape): Ansatz {
  const { domain, parity, degree, interval, rest, conditions, unknownDegree } = shape;
  if (conditions.some(({ x }, i) => conditions.findIndex((c) => c.x === x) !== i))
    throw new OptionError('two constraints are at the same point: keep one of them');
  if (unknownDegree < 0)
    throw new DegreeError(
      `degree ${degree} is too low for ${conditions.length} constraint(s): raise it or drop a constraint`,
    );
  return {
    domain,
    parity,
    rest,
    unknownDegree,
    maps: (arithmetic) => makeMaps(shape, arithmetic),
    assemble: (p) => {
      // Only coefficients of the right parity are kept; the rest is put in exactly.
      const values = chebyshevNodes(degree + 1).map((t) => {
        const x = fromUnit(interval, t);
        return p(x) - (rest.constant + rest.slope * x);
      });
      const coefficients = chebyshevCoefficients(values).map((c, j) =>
        parity === 'none' || j % 2 === degree % 2 ? c : 0,
      );
      if (rest.slope !== 0) coefficients[1] = (coefficients[1] ?? 0) + rest.slope * interval[1];
      coefficients[0] = coefficients[0]! + rest.constant;
      return new Polynomial(coefficients, interval);
    },
  };
}

function makeMaps<T>({ u, parity, rest, conditions }: Shape, a: Arithmetic<T>): AnsatzMaps<T> {
  const nodes = conditions.map(({ x, value }) => ({ u: u(a, a.constant(x)), value: a.constant(value) }));
  const zero = a.constant(0);
  const one = a.constant(1);
  const constant = a.constant(rest.constant);
  const slope = a.constant(rest.slope);
  const outer = (x: T) => (parity === 'odd' ? x : one);
  const interpolant = (x: T): T => {
    const v = u(a, x);
    return nodes.reduce((sum, { u: node, value }, i) => {
      const term = nodes.reduce(
        (product, other, j) =>
          i === j ? product : a.multiply(product, a.divide(a.subtract(v, other.u), a.subtract(node, other.u))),
        value,
      );
      return a.add(sum, term);
    }, zero);
  };
  return {
    u: (x) => u(a, x),
    base: (x) => a.add(a.add(constant, a.multiply(slope, x)), a.multiply(outer(x), interpolant(x))),
    factor: (x) => {
      if (nodes.length === 0) return outer(x);
      const v = u(a, x);
      return nodes.reduce((product, { u: node }) => a.multiply(product, a.subtract(v, node)), outer(x));
    },
  };
}
