import { proveBound } from '../certificate/proved.ts';
import { DegreeError } from '../errors.ts';
import { remez } from '../fit/remez.ts';
import { catalogueFunction, expressionTarget } from '../functions/catalogue.ts';
import type { Interval } from '../interval.ts';
import { Polynomial } from '../polynomial.ts';
import { ProgramBuilder } from '../program/builder.ts';
import type { Program } from '../program/program.ts';

/** An iteration with its proved relative error. */
export interface ProvedProgram {
  readonly program: Program;
  readonly relativeError: number;
}

const reciprocal = catalogueFunction('1/x')!;
const identity = expressionTarget('x', 'x');

/**
 * x is formed as m + r t with t in [-1, 1], so a value near lo carries the rounding of one near hi: relatively
 * 2^-52 hi / lo per operation in doubles (and hi / lo times the noise under encryption). Four operations are granted.
 */
export function inputRounding([lo, hi]: Interval): number {
  return (2 ** -50 * hi) / lo;
}

/** Relative error of the best start of that degree, |1 - x p(x)| <= 1 / T_{degree+1}((hi + lo) / (hi - lo)) (closed form). */
export function reciprocalStartError([lo, hi]: Interval, degree: number): number {
  return 1 / Math.cosh((degree + 1) * Math.acosh((hi + lo) / (hi - lo)));
}

/**
 * 1/x on 0 < lo <= x <= hi: y_0 = p(x), e = 1 - x y_0, then y_0 (1 + e)(1 + e^2)(1 + e^4)... (Goldschmidt). One level and
 * two products a step after one level for e, against two levels a step for Newton's y (2 - x y).
 * The relative error squares each step: e^(2^steps). Start: minimax of that degree, or the tangent at the middle.
 */
export function reciprocalIteration(interval: Interval, start: number | 'tangent', steps: number): ProvedProgram {
  const p = start === 'tangent' ? tangentStart(interval) : minimaxStart(interval, start);
  const startError = proveBound(p, reciprocal, identity, [interval]).bound;
  const builder = new ProgramBuilder(interval);
  let y = builder.polynomial(builder.input, p.coefficients);
  if (steps > 0) {
    let e = builder.affine([[builder.product(builder.affineOfX(1), y), -1]], 1);
    for (let step = 1; step <= steps; step++) {
      y = builder.affine([
        [y, 1],
        [builder.product(y, e), 1],
      ]);
      if (step < steps) e = builder.square(e);
    }
  }
  return {
    program: builder.build(),
    relativeError: startError ** (2 ** steps) * (1 + 2 ** -40) + inputRounding(interval),
  };
}

function minimaxStart(interval: Interval, degree: number): Polynomial {
  if (degree < 1) throw new DegreeError('the start of an iteration needs a degree of at least 1');
  return remez({ fn: reciprocal, degree, domain: [interval], weight: (x) => x }).polynomial;
}

/** (2 - x/m) / m, the tangent of 1/x at the middle m. */
function tangentStart([lo, hi]: Interval): Polynomial {
  const m = lo / 2 + hi / 2;
  return new Polynomial([1 / m, -(hi - lo) / (2 * m * m)], [lo, hi]);
}
