import { erf, erfRelativeError } from './erf.ts';

/**
 * Truncated Taylor series with interval coefficients: coefficient k encloses f^(k)(s) / k! for every s of a box. With
 * a thin box they are the local Taylor coefficients, with a wide one they bound the remainder (Moore, "Interval
 * Analysis", chapter 11; Neher, "Interval Taylor arithmetic"). Every operation rounds outward by one unit in the last
 * place. NaN in a coefficient means "nothing is known" and spreads, so a bound that compares false with it is safe.
 *
 * What is assumed of the platform: IEEE doubles, and Math.exp, log, sin, cos, tanh correct to `elementaryError`.
 */
export interface IntervalJet {
  readonly lo: Float64Array;
  readonly hi: Float64Array;
}

/** Relative error granted to the platform's elementary functions (V8's fdlibm port states under 1 ulp = 2^-52). */
export const elementaryError = 2 ** -50;

const ulp = 2 ** -52;
const tiny = Number.MIN_VALUE;

function down(v: number): number {
  return v - (Math.abs(v) * ulp + tiny);
}

function up(v: number): number {
  return v + (Math.abs(v) * ulp + tiny);
}

export function emptyJet(order: number): IntervalJet {
  return { lo: new Float64Array(order + 1), hi: new Float64Array(order + 1) };
}

export function constantJet(order: number, lo: number, hi = lo): IntervalJet {
  const jet = emptyJet(order);
  jet.lo[0] = lo;
  jet.hi[0] = hi;
  return jet;
}

/** The variable s itself over the box [lo, hi]. */
export function variableJet(order: number, lo: number, hi: number): IntervalJet {
  const jet = constantJet(order, lo, hi);
  if (order >= 1) {
    jet.lo[1] = 1;
    jet.hi[1] = 1;
  }
  return jet;
}

export function jetOrder(a: IntervalJet): number {
  return a.lo.length - 1;
}

/** target[k] += a[i] * b[j] * factor, factor >= 0. */
function accumulate(target: IntervalJet, k: number, a: IntervalJet, i: number, b: IntervalJet, j: number, factor = 1) {
  const al = a.lo[i]!;
  const ah = a.hi[i]!;
  const bl = b.lo[j]!;
  const bh = b.hi[j]!;
  const p = al * bl;
  const q = al * bh;
  const r = ah * bl;
  const s = ah * bh;
  const low = down(Math.min(p, q, r, s));
  const high = up(Math.max(p, q, r, s));
  target.lo[k] = down(target.lo[k]! + (factor === 1 ? low : down(low * factor)));
  target.hi[k] = up(target.hi[k]! + (factor === 1 ? high : up(high * factor)));
}

function setQuotient(target: IntervalJet, k: number, lo: number, hi: number, bl: number, bh: number): void {
  if (bl > 0 || bh < 0) {
    const p = lo / bl;
    const q = lo / bh;
    const r = hi / bl;
    const s = hi / bh;
    target.lo[k] = down(Math.min(p, q, r, s));
    target.hi[k] = up(Math.max(p, q, r, s));
  } else {
    target.lo[k] = Number.NaN;
    target.hi[k] = Number.NaN;
  }
}

export function addJets(a: IntervalJet, b: IntervalJet): IntervalJet {
  const c = emptyJet(jetOrder(a));
  for (let k = 0; k < c.lo.length; k++) {
    c.lo[k] = down(a.lo[k]! + b.lo[k]!);
    c.hi[k] = up(a.hi[k]! + b.hi[k]!);
  }
  return c;
}

export function negateJet(a: IntervalJet): IntervalJet {
  return { lo: a.hi.map((v) => -v), hi: a.lo.map((v) => -v) };
}

export function subtractJets(a: IntervalJet, b: IntervalJet): IntervalJet {
  return addJets(a, negateJet(b));
}

export function multiplyJets(a: IntervalJet, b: IntervalJet): IntervalJet {
  const c = emptyJet(jetOrder(a));
  for (let k = 0; k < c.lo.length; k++) for (let i = 0; i <= k; i++) accumulate(c, k, a, i, b, k - i);
  return c;
}

export function squareJet(a: IntervalJet): IntervalJet {
  const c = multiplyJets(a, a);
  if (c.lo[0]! < 0) c.lo[0] = 0;
  return c;
}

export function divideJets(a: IntervalJet, b: IntervalJet): IntervalJet {
  const q = emptyJet(jetOrder(a));
  const sum = emptyJet(jetOrder(a));
  for (let k = 0; k < q.lo.length; k++) {
    for (let i = 0; i < k; i++) accumulate(sum, k, q, i, b, k - i);
    setQuotient(q, k, down(a.lo[k]! - sum.hi[k]!), up(a.hi[k]! - sum.lo[k]!), b.lo[0]!, b.hi[0]!);
  }
  return q;
}

/** Integer power, n >= 0. */
export function powerJet(a: IntervalJet, n: number): IntervalJet {
  if (n === 0) return constantJet(jetOrder(a), 1);
  if (n === 1) return a;
  const half = squareJet(powerJet(a, Math.floor(n / 2)));
  return n % 2 === 0 ? half : multiplyJets(half, a);
}

/** The jet b with b' = slope * a' and the given enclosure of b itself. `slope` may still be filling up: b[k] needs slope[<k]. */
function integrate(b: IntervalJet, k: number, slope: IntervalJet, a: IntervalJet): void {
  b.lo[k] = 0;
  b.hi[k] = 0;
  for (let i = 1; i <= k; i++) accumulate(b, k, a, i, slope, k - i, i);
  b.lo[k] = down(b.lo[k]! / k);
  b.hi[k] = up(b.hi[k]! / k);
}

/** Enclosure of a rising function over the box from its end values, each with the given relative error. */
function rising(a: IntervalJet, f: (x: number) => number, relativeError: number): IntervalJet {
  const b = emptyJet(jetOrder(a));
  const low = f(a.lo[0]!);
  const high = f(a.hi[0]!);
  b.lo[0] = low - (Math.abs(low) * relativeError + tiny);
  b.hi[0] = high + (Math.abs(high) * relativeError + tiny);
  return b;
}

export function expJet(a: IntervalJet): IntervalJet {
  const b = rising(a, Math.exp, elementaryError);
  b.lo[0] = Math.max(0, b.lo[0]!);
  for (let k = 1; k < b.lo.length; k++) integrate(b, k, b, a);
  return b;
}

export function logJet(a: IntervalJet): IntervalJet {
  const b = rising(a, Math.log, elementaryError);
  const slope = divideJets(constantJet(jetOrder(a), 1), a);
  for (let k = 1; k < b.lo.length; k++) integrate(b, k, slope, a);
  return b;
}

export function sqrtJet(a: IntervalJet): IntervalJet {
  const b = rising(a, Math.sqrt, ulp);
  const sum = emptyJet(jetOrder(a));
  for (let k = 1; k < b.lo.length; k++) {
    for (let i = 1; i < k; i++) accumulate(sum, k, b, i, b, k - i);
    setQuotient(b, k, down(a.lo[k]! - sum.hi[k]!), up(a.hi[k]! - sum.lo[k]!), 2 * b.lo[0]!, 2 * b.hi[0]!);
  }
  return b;
}

/** Fills b[k >= 1] of b' = (c0 + c1 b + c2 b^2) a'. */
function riccati(b: IntervalJet, a: IntervalJet, c0: number, c1: number, c2: number): IntervalJet {
  const slope = emptyJet(jetOrder(a));
  const coefficients = [constantJet(0, c0), constantJet(0, c1), constantJet(0, c2)] as const;
  const one = constantJet(0, 1);
  for (let k = 1; k < b.lo.length; k++) {
    const j = k - 1;
    if (j === 0) accumulate(slope, 0, coefficients[0], 0, one, 0);
    accumulate(slope, j, coefficients[1], 0, b, j);
    const square = emptyJet(0);
    for (let i = 0; i <= j; i++) accumulate(square, 0, b, i, b, j - i);
    accumulate(slope, j, coefficients[2], 0, square, 0);
    integrate(b, k, slope, a);
  }
  return b;
}

export function tanhJet(a: IntervalJet): IntervalJet {
  return riccati(rising(a, Math.tanh, elementaryError), a, 1, 0, -1);
}

export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

export function sigmoidJet(a: IntervalJet): IntervalJet {
  return riccati(rising(a, sigmoid, 2 * elementaryError), a, 0, 1, -1);
}

export function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

export function softplusJet(a: IntervalJet): IntervalJet {
  const b = rising(a, softplus, 4 * elementaryError);
  const slope = sigmoidJet(a);
  for (let k = 1; k < b.lo.length; k++) integrate(b, k, slope, a);
  return b;
}

export function erfJet(a: IntervalJet): IntervalJet {
  const b = rising(a, erf, erfRelativeError);
  const factor = 2 / Math.sqrt(Math.PI);
  const slope = multiplyJets(
    constantJet(jetOrder(a), factor * (1 - 4 * ulp), factor * (1 + 4 * ulp)),
    expJet(negateJet(squareJet(a))),
  );
  for (let k = 1; k < b.lo.length; k++) integrate(b, k, slope, a);
  return b;
}

/** Whether the box may hold a point phase + 2 pi k; errs towards true. */
function mayHold(lo: number, hi: number, phase: number): boolean {
  const turns = (v: number) => (v - phase) / (2 * Math.PI);
  const slack = 2 ** -40 * (1 + Math.abs(lo) + Math.abs(hi));
  return Math.floor(turns(hi) + slack) >= Math.ceil(turns(lo) - slack);
}

function cosineRange(lo: number, hi: number): readonly [number, number] {
  if (!(Math.abs(lo) < 1e6 && Math.abs(hi) < 1e6)) return [-1, 1];
  const a = Math.cos(lo);
  const b = Math.cos(hi);
  // The argument is exact, so the error is the function's own; near a zero it is absolute, hence ulp and not relative.
  return [
    mayHold(lo, hi, Math.PI) ? -1 : Math.max(-1, Math.min(a, b) - elementaryError),
    mayHold(lo, hi, 0) ? 1 : Math.min(1, Math.max(a, b) + elementaryError),
  ];
}

/** Cosine and sine together, for their series need each other. */
export function cosSinJets(a: IntervalJet): { readonly cos: IntervalJet; readonly sin: IntervalJet } {
  const [cl, ch] = cosineRange(a.lo[0]!, a.hi[0]!);
  const [sl, sh] = sineRange(a.lo[0]!, a.hi[0]!);
  const cos = constantJet(jetOrder(a), cl, ch);
  const sin = constantJet(jetOrder(a), sl, sh);
  const minusSin = negateJet(sin);
  for (let k = 1; k < cos.lo.length; k++) {
    integrate(sin, k, cos, a);
    integrate(cos, k, minusSin, a);
    minusSin.lo[k] = -sin.hi[k]!;
    minusSin.hi[k] = -sin.lo[k]!;
  }
  return { cos, sin };
}

function sineRange(lo: number, hi: number): readonly [number, number] {
  if (!(Math.abs(lo) < 1e6 && Math.abs(hi) < 1e6)) return [-1, 1];
  const a = Math.sin(lo);
  const b = Math.sin(hi);
  return [
    mayHold(lo, hi, -Math.PI / 2) ? -1 : Math.max(-1, Math.min(a, b) - elementaryError),
    mayHold(lo, hi, Math.PI / 2) ? 1 : Math.min(1, Math.max(a, b) + elementaryError),
  ];
}

/**
 * A function made of two smooth pieces that meet at 0, applied to a. A box with 0 inside gets the hull of both pieces
 * for the value and (where the function is continuous) for the slope, and nothing for the higher coefficients.
 */
function kinked(a: IntervalJet, left: IntervalJet, right: IntervalJet, continuous: boolean): IntervalJet {
  if (a.lo[0]! >= 0) return right;
  if (a.hi[0]! <= 0) return left;
  const b = emptyJet(jetOrder(a));
  b.lo.fill(Number.NaN);
  b.hi.fill(Number.NaN);
  for (let k = 0; k < Math.min(b.lo.length, continuous ? 2 : 1); k++) {
    b.lo[k] = Math.min(left.lo[k]!, right.lo[k]!);
    b.hi[k] = Math.max(left.hi[k]!, right.hi[k]!);
  }
  return b;
}

export function absJet(a: IntervalJet): IntervalJet {
  const b = kinked(a, negateJet(a), a, true);
  if (b.lo[0]! < 0) b.lo[0] = 0;
  return b;
}

export function reluJet(a: IntervalJet): IntervalJet {
  return kinked(a, constantJet(jetOrder(a), 0), a, true);
}

export function signJet(a: IntervalJet): IntervalJet {
  return kinked(a, constantJet(jetOrder(a), -1), constantJet(jetOrder(a), 1), false);
}

export function stepJet(a: IntervalJet): IntervalJet {
  return kinked(a, constantJet(jetOrder(a), 0), constantJet(jetOrder(a), 1), false);
}
