import { FunctionValueError } from '../errors.ts';
import type { Domain } from '../interval.ts';
import type { DoubleDouble } from '../numeric/double-double.ts';
import type { IntervalJet } from '../numeric/interval-jet.ts';

/** f(x) = constant + slope * x + g(x) with g even or odd about 0: what symmetric intervals turn into saved products. */
export interface Symmetry {
  readonly parity: 'even' | 'odd';
  readonly constant: number;
  readonly slope: number;
}

/** Functions for which more than a single polynomial is known: a composition or an iteration. */
export type Family = 'sign' | 'step' | 'relu' | 'abs' | 'reciprocal' | 'inverse-sqrt' | 'sqrt' | 'exp' | 'cosine';

/** A function of one real variable, with what is known about it beyond its values. */
export interface TargetFunction {
  readonly name: string;
  /** f(x) to double precision. */
  value(x: number): number;
  /** f(x) to about 100 bits, where available: lets Remez go below what doubles carry. */
  precise?(x: DoubleDouble): DoubleDouble;
  /** Interval Taylor coefficients, where available: makes certificates rigorous. */
  jet?(x: IntervalJet): IntervalJet;
  readonly symmetry?: Symmetry;
  /** Where f or its slope jumps. */
  readonly breakpoints: readonly number[];
  /** Where f is not finite. */
  readonly poles: readonly number[];
  readonly family?: Family;
}

/** A function with everything an expression gives: doubles, double-doubles and jets. */
export type KnownFunction = TargetFunction & Required<Pick<TargetFunction, 'precise' | 'jet'>>;

/** f(x), checked. @throws FunctionValueError when it is NaN or infinite */
export function valueAt(fn: TargetFunction, x: number): number {
  const y = fn.value(x);
  if (typeof y !== 'number' || !Number.isFinite(y))
    throw new FunctionValueError(
      `${fn.name} returned ${y} at x = ${x}: keep the interval where the function is finite, or mend the function`,
      x,
    );
  return y;
}

/** Refuses domains that hold a known pole. @throws FunctionValueError */
export function checkPoles(fn: TargetFunction, domain: Domain): void {
  for (const [lo, hi] of domain) {
    const pole = fn.poles.find((x) => x >= lo && x <= hi);
    if (pole !== undefined)
      throw new FunctionValueError(
        `${fn.name} has a pole at x = ${pole}, inside [${lo}, ${hi}]: leave it out, for example with an interval on either side`,
        pole,
      );
  }
}
