/** Relative error that `erf` stays below (tested against 60-digit values). */
export const erfRelativeError = 2 ** -49;

/** exp(-x^2) without the relative error x^2 * 2^-53 that squaring first would bring: x is split into a 26-bit head. */
function gaussian(x: number): number {
  const head = Math.fround(x);
  return Math.exp(-head * head) * Math.exp((head - x) * (head + x));
}

/** The error function. Below 3 the all-positive series of Kummer's form (Abramowitz & Stegun 7.1.6), above it 1 - erfc. */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (!(a < 6)) return Number.isNaN(x) ? x : Math.sign(x);
  if (a >= 3) return Math.sign(x) * (1 - erfcTail(a));
  const square = 2 * x * x;
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 2 ** -56 * Math.abs(sum); n++) {
    term *= square / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * gaussian(x) * sum;
}

/** erfc(x) for x >= 3 by its continued fraction (Abramowitz & Stegun 7.1.14), evaluated from the back. */
function erfcTail(x: number): number {
  let tail = x;
  for (let k = 60; k >= 1; k--) tail = x + k / 2 / tail;
  return gaussian(x) / (Math.sqrt(Math.PI) * tail);
}
