import { proveBound } from '../certificate/proved.ts';
import { remez } from '../fit/remez.ts';
import { expressionTarget } from '../functions/catalogue.ts';
import type { Interval } from '../interval.ts';
import { Polynomial } from '../polynomial.ts';
import { ProgramBuilder } from '../program/builder.ts';
import type { ProvedProgram } from './reciprocal.ts';

const exp = expressionTarget('exp(x)', 'exp');
const expMinus = expressionTarget('exp(-x)', 'exp(-x)');

/** The base of the power: minimax of that degree in relative error, or 1 + x from the limit definition. */
export type PowerBase = number | 'limit';

/**
 * exp(x) = p(x / 2^k)^(2^k), with p the best polynomial for exp in relative error on the shrunken interval; 'limit' takes
 * p = 1 + x, the classical (1 + x / 2^k)^(2^k). k squarings, one level each; the division folds into the coefficients.
 */
export function exponentialPower([lo, hi]: Interval, base: PowerBase, squarings: number): ProvedProgram {
  const shrink = 2 ** -squarings;
  const small: Interval = [lo * shrink, hi * shrink];
  const p =
    base === 'limit'
      ? new Polynomial([1 + (small[0] + small[1]) / 2, (small[1] - small[0]) / 2], small)
      : remez({ fn: exp, degree: base, domain: [small], weight: expMinus.value }).polynomial;
  const { bound } = proveBound(p, exp, expMinus, [small]);
  const builder = new ProgramBuilder([lo, hi]);
  let value = builder.polynomial(builder.input, p.coefficients);
  for (let i = 0; i < squarings; i++) value = builder.square(value);
  // (1 + e)^(2^k) - 1 is the larger side.
  const relativeError = Math.expm1(2 ** squarings * Math.log1p(bound)) * (1 + 2 ** -40);
  return { program: builder.build(), relativeError };
}
