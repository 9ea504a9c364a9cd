import { DegreeError, SchemaError } from './errors.ts';
import { checkInterval, type Interval, toUnit } from './interval.ts';
import { type MonomialForm, monomialCoefficients } from './numeric/monomial.ts';

export type Parity = 'even' | 'odd' | 'none';

/** The largest degree that fits: beyond it the rounding of doubles swamps what a further degree would gain. */
export const maxDegree = 1023;

/**
 * A polynomial in the Chebyshev basis of an interval: p(x) = sum of c_j T_j(t), t = (2x - lo - hi) / (hi - lo).
 * Immutable. Trailing zero coefficients are dropped, so `degree` is exact.
 */
export class Polynomial {
  readonly coefficients: readonly number[];
  readonly interval: Interval;

  constructor(coefficients: readonly number[], interval: Interval = [-1, 1]) {
    checkInterval(interval);
    const bad = coefficients.findIndex((c) => !Number.isFinite(c));
    if (bad >= 0)
      throw new DegreeError(`coefficient ${bad} of a polynomial is ${coefficients[bad]}: it has to be finite`);
    let length = coefficients.length;
    while (length > 1 && coefficients[length - 1] === 0) length--;
    this.coefficients = length === 0 ? [0] : coefficients.slice(0, length);
    this.interval = [interval[0], interval[1]];
  }

  get degree(): number {
    return this.coefficients.length - 1;
  }

  /** Parity about the middle of the interval; a constant is even. */
  get parity(): Parity {
    const odd = this.coefficients.some((c, j) => j % 2 === 1 && c !== 0);
    const even = this.coefficients.some((c, j) => j % 2 === 0 && c !== 0);
    return odd && even ? 'none' : odd ? 'odd' : 'even';
  }

  /** p(x) by Clenshaw's recurrence; valid outside the interval too, where it grows quickly. Cost: 2 * degree flops. */
  evaluate(x: number): number {
    return clenshaw(this.coefficients, toUnit(this.interval, x));
  }

  /** p(x) over an array. */
  evaluateAll(xs: ArrayLike<number>): Float64Array {
    return Float64Array.from(xs, (x) => this.evaluate(x));
  }

  /** dp/dx, one degree lower, on the same interval. */
  derivative(): Polynomial {
    const c = this.coefficients;
    const n = this.degree;
    const d = new Array<number>(Math.max(n, 1)).fill(0);
    for (let j = n; j >= 1; j--) d[j - 1] = (j + 1 < n ? d[j + 1]! : 0) + 2 * j * c[j]!;
    d[0] = d[0]! / 2;
    const stretch = 2 / (this.interval[1] - this.interval[0]);
    return new Polynomial(
      d.map((v) => v * stretch),
      this.interval,
    );
  }

  /** factor * p + offset. */
  transform(factor: number, offset = 0): Polynomial {
    const c = this.coefficients.map((v) => v * factor);
    c[0] = c[0]! + offset;
    return new Polynomial(c, this.interval);
  }

  /**
   * Coefficients of 1, x, x^2, ... computed in double-double, with the condition number of that form. Monomials are for
   * printing and for other tools; evaluate in the Chebyshev basis.
   */
  toMonomial(): MonomialForm {
    return monomialCoefficients(this.coefficients, this.interval);
  }

  toJSON(): { coefficients: readonly number[]; interval: Interval } {
    return { coefficients: this.coefficients, interval: this.interval };
  }

  /** @throws SchemaError naming the path of what is wrong */
  static fromJSON(value: unknown, path = 'polynomial'): Polynomial {
    const record = value as { coefficients?: unknown; interval?: unknown } | null;
    if (typeof record !== 'object' || record === null) throw new SchemaError(`${path} has to be an object`);
    const { coefficients, interval } = record;
    if (
      !Array.isArray(coefficients) ||
      coefficients.length === 0 ||
      coefficients.length > maxDegree + 1 ||
      !coefficients.every(Number.isFinite)
    )
      throw new SchemaError(`${path}.coefficients has to be 1 to ${maxDegree + 1} finite numbers`);
    if (
      !Array.isArray(interval) ||
      interval.length !== 2 ||
      !interval.every(Number.isFinite) ||
      interval[0] >= interval[1]
    )
      throw new SchemaError(`${path}.interval has to be [lo, hi] with lo < hi`);
    return new Polynomial(coefficients as number[], [interval[0], interval[1]]);
  }
}

/** Sum of c_j T_j(t) by Clenshaw's recurrence. */
export function clenshaw(coefficients: readonly number[], t: number): number {
  let b1 = 0;
  let b2 = 0;
  for (let j = coefficients.length - 1; j >= 1; j--) {
    const b = 2 * t * b1 - b2 + coefficients[j]!;
    b2 = b1;
    b1 = b;
  }
  return t * b1 - b2 + coefficients[0]!;
}

/** @throws DegreeError unless the degree is a whole number from 0 to `maxDegree` */
export function checkDegree(degree: number): number {
  if (!Number.isInteger(degree) || degree < 0)
    throw new DegreeError(`degree ${degree} is not a whole number from 0 on: give for example 7, 15 or 31`);
  if (degree > maxDegree)
    throw new DegreeError(
      `degree ${degree} is beyond what doubles carry (at most ${maxDegree}): narrow the interval or use a composition`,
    );
  return degree;
}
