/**
 * Double-double numbers: an unevaluated sum hi + lo of two doubles, about 106 bits. Used where 53 bits are not enough:
 * Remez below 1e-12, and monomial coefficients of Chebyshev series, whose terms grow like 2.4^degree and cancel.
 * Error-free transformations after Dekker (1971) and Knuth; relative error of +, *, / at most 2^-102.
 */
export interface DoubleDouble {
  readonly hi: number;
  readonly lo: number;
}

export const ddZero: DoubleDouble = { hi: 0, lo: 0 };
export const ddOne: DoubleDouble = { hi: 1, lo: 0 };

export function dd(hi: number, lo = 0): DoubleDouble {
  return { hi, lo };
}

/** hi + lo = a + b exactly. */
function twoSum(a: number, b: number): DoubleDouble {
  const hi = a + b;
  const bb = hi - a;
  return { hi, lo: a - (hi - bb) + (b - bb) };
}

function fastTwoSum(a: number, b: number): DoubleDouble {
  const hi = a + b;
  return { hi, lo: b - (hi - a) };
}

const splitter = 2 ** 27 + 1;

/** hi + lo = a * b exactly while |a|, |b| < 2^996. JavaScript has no fused multiply-add, so Dekker's splitting does it. */
function twoProduct(a: number, b: number): DoubleDouble {
  const hi = a * b;
  const aBig = splitter * a;
  const aHi = aBig - (aBig - a);
  const aLo = a - aHi;
  const bBig = splitter * b;
  const bHi = bBig - (bBig - b);
  const bLo = b - bHi;
  return { hi, lo: aLo * bLo - (hi - aHi * bHi - aLo * bHi - aHi * bLo) };
}

export function ddAdd(a: DoubleDouble, b: DoubleDouble): DoubleDouble {
  const s = twoSum(a.hi, b.hi);
  const t = twoSum(a.lo, b.lo);
  const u = fastTwoSum(s.hi, s.lo + t.hi);
  return fastTwoSum(u.hi, u.lo + t.lo);
}

export function ddNegate(a: DoubleDouble): DoubleDouble {
  return { hi: -a.hi, lo: -a.lo };
}

export function ddSubtract(a: DoubleDouble, b: DoubleDouble): DoubleDouble {
  return ddAdd(a, ddNegate(b));
}

export function ddMultiply(a: DoubleDouble, b: DoubleDouble): DoubleDouble {
  const p = twoProduct(a.hi, b.hi);
  return fastTwoSum(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}

/** a * s for a power of two s: exact. */
export function ddScale(a: DoubleDouble, s: number): DoubleDouble {
  return { hi: a.hi * s, lo: a.lo * s };
}

export function ddDivide(a: DoubleDouble, b: DoubleDouble): DoubleDouble {
  const q1 = a.hi / b.hi;
  const r1 = ddSubtract(a, ddMultiply(b, dd(q1)));
  const q2 = r1.hi / b.hi;
  const r2 = ddSubtract(r1, ddMultiply(b, dd(q2)));
  return ddAdd(fastTwoSum(q1, q2), dd(r2.hi / b.hi));
}

/** Square root, one Newton correction of the double result. a >= 0. */
export function ddSqrt(a: DoubleDouble): DoubleDouble {
  if (a.hi <= 0) return { hi: Math.sqrt(a.hi), lo: 0 };
  const root = Math.sqrt(a.hi);
  const rest = ddSubtract(a, twoProduct(root, root));
  return fastTwoSum(root, rest.hi / (2 * root));
}

export function ddAbs(a: DoubleDouble): DoubleDouble {
  return a.hi < 0 ? ddNegate(a) : a;
}

export function ddToNumber(a: DoubleDouble): number {
  return a.hi + a.lo;
}
