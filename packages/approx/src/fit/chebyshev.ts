import { OptionError } from '../errors.ts';
import { valueAt } from '../functions/target.ts';
import { fromUnit, hull } from '../interval.ts';
import { chebyshevCoefficients, chebyshevNodes } from '../numeric/chebyshev-transform.ts';
import { Polynomial } from '../polynomial.ts';
import { type FitProblem, makeAnsatz } from './ansatz.ts';

/**
 * Interpolation at Chebyshev nodes: within a factor 2 + (2/pi) log(degree + 1) of the best polynomial (Trefethen,
 * "Approximation Theory and Approximation Practice", theorem 16.1), with no iteration that could fail. Works on the
 * hull of the domain, so f has to be finite there. Weights do not matter here; constraints are refused.
 */
export function interpolate(problem: FitProblem): Polynomial {
  return keepParity(problem, sampledCoefficients(problem, problem.degree + 1), 'interpolation');
}

/**
 * The Chebyshev series of f cut after `degree` (its best approximation in the mean with weight 1/sqrt(1 - t^2)). The
 * coefficients come from an interpolant that is doubled until its tail is at rounding level or has 4096 terms.
 */
export function truncate(problem: FitProblem): Polynomial {
  let size = 2 ** Math.ceil(Math.log2(4 * (problem.degree + 1)));
  let coefficients = sampledCoefficients(problem, size);
  const resolved = () => {
    const largest = Math.max(...coefficients.map(Math.abs));
    return coefficients.slice(-4).every((c) => Math.abs(c) <= 2 ** -50 * largest);
  };
  while (!resolved() && size < 4096) {
    size *= 2;
    coefficients = sampledCoefficients(problem, size);
  }
  return keepParity(problem, coefficients.slice(0, problem.degree + 1), 'truncation');
}

function sampledCoefficients(problem: FitProblem, size: number): number[] {
  const interval = hull(problem.domain);
  return chebyshevCoefficients(chebyshevNodes(size).map((t) => valueAt(problem.fn, fromUnit(interval, t))));
}

/** Sets the coefficients that symmetry makes zero to exactly zero. */
function keepParity(problem: FitProblem, coefficients: readonly number[], method: string): Polynomial {
  if (problem.constraints?.length)
    throw new OptionError(`${method} cannot keep constraints: use the minimax or least-squares method`);
  const interval = hull(problem.domain);
  const { parity, rest } = makeAnsatz(problem);
  if (parity === 'none') return new Polynomial(coefficients, interval);
  const kept = parity === 'even' ? 0 : 1;
  const exact = [rest.constant, rest.slope * interval[1]];
  return new Polynomial(
    coefficients.map((c, j) => (j % 2 === kept ? c : (exact[j] ?? 0))),
    interval,
  );
}
