import {
  type DoubleDouble,
  dd,
  ddAdd,
  ddDivide,
  ddMultiply,
  ddOne,
  ddScale,
  ddSubtract,
  ddToNumber,
  ddZero,
} from '../numeric/double-double.ts';

/** The polynomial q whose weighted error against g has the same size and alternating sign on a reference. */
export interface ReferenceSolution {
  /** Signed: g - q = referenceError / weight at the first reference point. */
  readonly referenceError: number;
  /** q(u) in barycentric form. Cost: O(reference length). */
  q(u: number): number;
}

/**
 * Solves g(u_k) - q(u_k) = (-1)^k h / w_k for h and q of degree n on n + 2 points by barycentric interpolation
 * (Pachon & Trefethen, "Barycentric-Remez algorithms", BIT 2009, section 3): no linear system, stable to high degree.
 */
export function solveOnReference(
  us: readonly number[],
  gs: readonly number[],
  weights: readonly number[],
): ReferenceSolution {
  const lambdas = barycentricWeights(us);
  let top = 0;
  let bottom = 0;
  for (let k = 0; k < us.length; k++) {
    top += lambdas[k]! * gs[k]!;
    bottom += (lambdas[k]! * sign(k)) / weights[k]!;
  }
  const h = top / bottom;
  const values = gs.map((g, k) => g - (sign(k) * h) / weights[k]!);
  return {
    referenceError: h,
    q: (u) => {
      let numerator = 0;
      let denominator = 0;
      for (let k = 0; k < us.length; k++) {
        const distance = u - us[k]!;
        if (distance === 0) return values[k]!;
        const term = lambdas[k]! / distance;
        numerator += term * values[k]!;
        denominator += term;
      }
      return numerator / denominator;
    },
  };
}

/**
 * The same solve in double-double, for the final polynomial. On several narrow intervals q has to be carried across the
 * gaps between them, which multiplies the rounding of its values by up to 1e10; 53 bits do not survive that.
 */
export function solveOnReferencePrecisely(
  us: readonly DoubleDouble[],
  gs: readonly DoubleDouble[],
  weights: readonly number[],
): { readonly referenceError: number; q(u: DoubleDouble): DoubleDouble } {
  const lambdas = preciseWeights(us);
  let top = ddZero;
  let bottom = ddZero;
  for (let k = 0; k < us.length; k++) {
    top = ddAdd(top, ddMultiply(lambdas[k]!, gs[k]!));
    bottom = ddAdd(bottom, ddDivide(ddScale(lambdas[k]!, sign(k)), dd(weights[k]!)));
  }
  const h = ddDivide(top, bottom);
  const values = gs.map((g, k) => ddSubtract(g, ddDivide(ddScale(h, sign(k)), dd(weights[k]!))));
  return {
    referenceError: ddToNumber(h),
    q: (u) => {
      let numerator = ddZero;
      let denominator = ddZero;
      for (let k = 0; k < us.length; k++) {
        const distance = ddSubtract(u, us[k]!);
        if (distance.hi === 0) return values[k]!;
        const term = ddDivide(lambdas[k]!, distance);
        numerator = ddAdd(numerator, ddMultiply(term, values[k]!));
        denominator = ddAdd(denominator, term);
      }
      return ddDivide(numerator, denominator);
    },
  };
}

function preciseWeights(us: readonly DoubleDouble[]): DoubleDouble[] {
  // A common power of two per factor keeps the products in range without rounding them.
  const logs = us.slice(1).map((u) => Math.log2(Math.abs(u.hi - us[0]!.hi)));
  const mean = logs.reduce((sum, log) => sum + log, 0) / Math.max(1, logs.length);
  const scale = 2 ** -Math.round(mean);
  return us.map((u, k) =>
    ddDivide(
      ddOne,
      us.reduce(
        (product, other, j) => (j === k ? product : ddMultiply(product, ddScale(ddSubtract(u, other), scale))),
        ddOne,
      ),
    ),
  );
}

const sign = (k: number) => (k % 2 === 0 ? 1 : -1);

/** 1 / prod (u_k - u_j), scaled together so that the largest is 1; logarithms keep high degrees from overflowing. */
function barycentricWeights(us: readonly number[]): number[] {
  const logs = us.map((u, k) => {
    let log = 0;
    for (let j = 0; j < us.length; j++) if (j !== k) log -= Math.log(Math.abs(u - us[j]!));
    return log;
  });
  const largest = Math.max(...logs);
  // us is rising, so the sign of the product at k is (-1)^(n - k).
  return logs.map((log, k) => sign(us.length - 1 - k) * Math.exp(log - largest));
}
