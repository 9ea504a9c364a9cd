import { doubleDoubleAlgebra, numberAlgebra } from '../functions/algebra.ts';
import { type TargetFunction, valueAt } from '../functions/target.ts';
import { dd, ddAdd, ddDivide, ddMultiply, ddSubtract, ddToNumber } from '../numeric/double-double.ts';
import type { Ansatz, FitProblem } from './ansatz.ts';
import { solveOnReference, solveOnReferencePrecisely } from './reference.ts';

/** The polynomial whose error alternates with one size on a reference. */
export interface Solution {
  /** |h|: a lower bound of the best error. */
  readonly referenceError: number;
  readonly p: (x: number) => number;
  /** weight * (f - p), signed so that it is q's error, which is what alternates. */
  readonly error: (x: number) => number;
}

/** Solves for the polynomial whose error alternates with one size on a reference, in some precision. */
export interface Solver {
  solve(reference: readonly number[]): Solution;
  /** Relative rounding of the values of f. */
  readonly epsilon: number;
}

export function doubleSolver({ fn, weight = () => 1 }: FitProblem, ansatz: Ansatz): Solver {
  const { u, base, factor } = ansatz.maps(numberAlgebra);
  return {
    epsilon: 2 ** -52,
    solve: (reference) => {
      const factors = reference.map(factor);
      const { referenceError, q } = solveOnReference(
        reference.map(u),
        reference.map((x, k) => (valueAt(fn, x) - base(x)) / factors[k]!),
        reference.map((x, k) => weight(x) * Math.abs(factors[k]!)),
      );
      const p = (x: number) => base(x) + factor(x) * q(u(x));
      return {
        referenceError: Math.abs(referenceError),
        p,
        error: (x) => Math.sign(factor(x)) * weight(x) * (valueAt(fn, x) - p(x)),
      };
    },
  };
}

export type PreciseFunction = TargetFunction & Required<Pick<TargetFunction, 'precise'>>;

export function isPrecise(fn: TargetFunction): fn is PreciseFunction {
  return fn.precise !== undefined;
}

/** About 1 microsecond a term: a hundred times slower than doubles. */
export function preciseSolver(fn: PreciseFunction, { weight = () => 1 }: FitProblem, ansatz: Ansatz): Solver {
  const { u, base, factor } = ansatz.maps(doubleDoubleAlgebra);
  return {
    epsilon: 2 ** -98,
    solve: (reference) => {
      const xs = reference.map((x) => dd(x));
      const factors = xs.map(factor);
      const { referenceError, q } = solveOnReferencePrecisely(
        xs.map(u),
        xs.map((x, k) => ddDivide(ddSubtract(fn.precise(x), base(x)), factors[k]!)),
        reference.map((x, k) => weight(x) * Math.abs(factors[k]!.hi)),
      );
      const precise = (x: number) => {
        const at = dd(x);
        return ddAdd(base(at), ddMultiply(factor(at), q(u(at))));
      };
      return {
        referenceError: Math.abs(referenceError),
        p: (x) => ddToNumber(precise(x)),
        error: (x) => Math.sign(factor(dd(x)).hi) * weight(x) * ddToNumber(ddSubtract(fn.precise(dd(x)), precise(x))),
      };
    },
  };
}
