import {
  type DoubleDouble,
  dd,
  ddAdd,
  ddDivide,
  ddMultiply,
  ddNegate,
  ddOne,
  ddScale,
  ddSqrt,
  ddSubtract,
  ddZero,
} from './double-double.ts';

// Elementary functions in double-double, about 100 bits: argument reduction, then the Taylor series until its terms
// no longer count. They feed Remez exchanges that doubles cannot carry; speed is secondary.

export const ddPi: DoubleDouble = dd(Math.PI, 1.2246467991473532e-16);
const ln2: DoubleDouble = dd(Math.LN2, 2.3190468138462996e-17);
const negligible = 2 ** -108;

/** Sum of terms t_0, t_1 = t_0 * ratio(1), ... until they vanish beside the sum. */
function series(first: DoubleDouble, ratio: (k: number) => DoubleDouble): DoubleDouble {
  let term = first;
  let sum = first;
  for (let k = 1; k < 400; k++) {
    term = ddMultiply(term, ratio(k));
    sum = ddAdd(sum, term);
    if (Math.abs(term.hi) <= negligible * Math.abs(sum.hi)) break;
  }
  return sum;
}

export function ddExp(a: DoubleDouble): DoubleDouble {
  if (a.hi > 709) return dd(Number.POSITIVE_INFINITY);
  if (a.hi < -700) return ddZero;
  const k = Math.round(a.hi / ln2.hi);
  // Another 2^-9 makes the series short; nine squarings undo it on exp - 1, which keeps the relative error.
  const r = ddScale(ddSubtract(a, ddMultiply(dd(k), ln2)), 2 ** -9);
  let minusOne = r.hi === 0 ? ddZero : series(r, (n) => ddDivide(r, dd(n + 1)));
  for (let i = 0; i < 9; i++) minusOne = ddAdd(ddScale(minusOne, 2), ddMultiply(minusOne, minusOne));
  return ddScale(ddAdd(minusOne, ddOne), 2 ** k);
}

/** Two Newton steps on exp from the double logarithm. */
export function ddLog(a: DoubleDouble): DoubleDouble {
  let y = dd(Math.log(a.hi));
  if (!Number.isFinite(y.hi)) return y;
  for (let i = 0; i < 2; i++) y = ddAdd(y, ddSubtract(ddMultiply(a, ddExp(ddNegate(y))), ddOne));
  return y;
}

/** Reduces to |r| <= pi/4 with the quadrant. Good while |a| stays below about 2^40. */
function quadrant(a: DoubleDouble): { readonly r: DoubleDouble; readonly q: number } {
  const halfPi = ddScale(ddPi, 0.5);
  const n = Math.round(a.hi / halfPi.hi);
  return { r: ddSubtract(a, ddMultiply(dd(n), halfPi)), q: ((n % 4) + 4) % 4 };
}

function sinTaylor(r: DoubleDouble): DoubleDouble {
  if (r.hi === 0) return r;
  const square = ddNegate(ddMultiply(r, r));
  return series(r, (k) => ddDivide(square, dd(2 * k * (2 * k + 1))));
}

function cosTaylor(r: DoubleDouble): DoubleDouble {
  const square = ddNegate(ddMultiply(r, r));
  return series(ddOne, (k) => ddDivide(square, dd((2 * k - 1) * 2 * k)));
}

export function ddSin(a: DoubleDouble): DoubleDouble {
  const { r, q } = quadrant(a);
  const value = q % 2 === 0 ? sinTaylor(r) : cosTaylor(r);
  return q < 2 ? value : ddNegate(value);
}

export function ddCos(a: DoubleDouble): DoubleDouble {
  const { r, q } = quadrant(a);
  const value = q % 2 === 0 ? cosTaylor(r) : sinTaylor(r);
  return q === 0 || q === 3 ? value : ddNegate(value);
}

/** The all-positive series (Abramowitz & Stegun 7.1.6); beyond 9 the difference from 1 is below 2^-118. */
export function ddErf(a: DoubleDouble): DoubleDouble {
  if (Math.abs(a.hi) > 9) return dd(Math.sign(a.hi));
  if (a.hi === 0) return ddZero;
  const square = ddMultiply(a, a);
  const sum = series(a, (k) => ddDivide(ddScale(square, 2), dd(2 * k + 1)));
  return ddDivide(ddMultiply(ddScale(sum, 2), ddExp(ddNegate(square))), ddSqrt(ddPi));
}
