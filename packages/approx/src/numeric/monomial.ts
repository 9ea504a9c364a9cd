import type { Interval } from '../interval.ts';
import {
  type DoubleDouble,
  dd,
  ddAdd,
  ddDivide,
  ddMultiply,
  ddScale,
  ddSubtract,
  ddToNumber,
  ddZero,
} from './double-double.ts';

/** A polynomial as sum of a_k x^k, with the worth of that form. */
export interface MonomialForm {
  /** a_k rounded to doubles. */
  readonly coefficients: readonly number[];
  /** What the doubles above leave out: a_k = coefficients[k] + corrections[k] to about 100 bits. */
  readonly corrections: readonly number[];
  /** Largest sum |a_k| |x|^k over the interval divided by sum |c_j|: the factor by which a rounding is amplified. */
  readonly condition: number;
}

/** Chebyshev coefficients on an interval -> monomial coefficients in x, in double-double. Cost: O(degree^2). */
export function monomialCoefficients(chebyshev: readonly number[], [lo, hi]: Interval): MonomialForm {
  const width = ddSubtract(dd(hi), dd(lo));
  const alpha = ddDivide(dd(2), width);
  const beta = ddDivide(ddScale(ddAdd(dd(lo), dd(hi)), -1), width);
  // Clenshaw with polynomials in x as values: b_j = 2 (alpha x + beta) b_{j+1} - b_{j+2} + c_j.
  let b1: DoubleDouble[] = [];
  let b2: DoubleDouble[] = [];
  for (let j = chebyshev.length - 1; j >= 0; j--) {
    const factor = j === 0 ? 1 : 2;
    const length = b1.length + 1;
    const b: DoubleDouble[] = new Array(length);
    for (let k = 0; k < length; k++) {
      const shifted = k > 0 ? ddMultiply(alpha, b1[k - 1]!) : ddZero;
      const kept = k < b1.length ? ddMultiply(beta, b1[k]!) : ddZero;
      const value = ddScale(ddAdd(shifted, kept), factor);
      b[k] = k < b2.length ? ddSubtract(value, b2[k]!) : value;
    }
    b[0] = ddAdd(b[0]!, dd(chebyshev[j]!));
    b2 = b1;
    b1 = b;
  }
  const coefficients = b1.map(ddToNumber);
  const reach = Math.max(Math.abs(lo), Math.abs(hi));
  const size = chebyshev.reduce((sum, c) => sum + Math.abs(c), 0);
  const sum = coefficients.reduceRight((acc, a) => acc * reach + Math.abs(a), 0);
  return {
    coefficients,
    corrections: b1.map((a, k) => ddToNumber(ddSubtract(a, dd(coefficients[k]!)))),
    condition: size > 0 ? sum / size : 1,
  };
}
