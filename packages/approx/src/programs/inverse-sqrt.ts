import { proveBound } from '../certificate/proved.ts';
import { provedRange } from '../certificate/range.ts';
import { DegreeError } from '../errors.ts';
import { remez } from '../fit/remez.ts';
import { catalogueFunction, expressionTarget } from '../functions/catalogue.ts';
import type { Interval } from '../interval.ts';
import { Polynomial } from '../polynomial.ts';
import { ProgramBuilder } from '../program/builder.ts';
import { inputRounding, type ProvedProgram } from './reciprocal.ts';

const inverseSqrt = catalogueFunction('rsqrt')!;
const squareRoot = expressionTarget('sqrt(x)', 'sqrt(x)');

/** Start polynomial for 1/sqrt(x), with its relative error. */
export interface InverseSqrtStart {
  readonly polynomial: Polynomial;
  readonly error: number;
}

/** The best start of that degree in relative error, or the tangent at the middle. */
export function inverseSqrtStart(interval: Interval, start: number | 'tangent'): InverseSqrtStart {
  const [lo, hi] = interval;
  if (start === 'tangent') {
    const m = lo / 2 + hi / 2;
    const c = 1 / Math.sqrt(m);
    const polynomial = new Polynomial([c, (-c * (hi - lo)) / (4 * m)], interval);
    // sqrt(x) p(x) is largest at m (value 1) and least at an end.
    const least = Math.min(...interval.map((x) => Math.sqrt(x) * polynomial.evaluate(x)));
    return { polynomial, error: 1 - least };
  }
  if (start < 1) throw new DegreeError('the start of an iteration needs a degree of at least 1');
  const { polynomial, referenceError } = remez({
    fn: inverseSqrt,
    degree: start,
    domain: [interval],
    weight: (x) => Math.sqrt(x),
  });
  return { polynomial, error: referenceError };
}

/** Relative error after steps from a start with sqrt(x) y in [1 - error, 1 + error], ideally. Cost: one cubic Remez a step. */
export function inverseSqrtErrors(startError: number, maxSteps: number): number[] {
  const errors = [startError];
  for (let step = 0; step < maxSteps && errors[step]! > 1e-15; step++)
    errors.push(cubicError((1 - errors[step]!) / (1 + errors[step]!)));
  return errors;
}

/** Minimax error of an odd cubic for sign on [a, 1] in closed form: both interior and end values reach 1 + e and 1 - e. */
function cubicError(a: number): number {
  const peak = cubicPeak(a);
  const low = (3 * peak ** 2 * a - a ** 3) / (2 * peak ** 3);
  return (1 - low) / (1 + low);
}

/** Where s (3 q^2 - s^2) peaks so that its values at a and 1 agree: q^2 = (1 + a + a^2) / 3. */
function cubicPeak(a: number): number {
  return Math.sqrt((1 + a + a * a) / 3);
}

/**
 * 1/sqrt(x) on 0 < lo <= x <= hi: a start y, then steps y (alpha - beta x y^2). Newton's 3/2 and 1/2 are right only next
 * to the fixed point; in s = sqrt(x) y a step is an odd cubic, so the constants are those of the best odd cubic
 * for sign on the range of s (the composite minimax idea of Lee et al., ePrint 2020/834), which gains up to 2.6 a step far out and a bit near 1.
 * Evaluated as alpha y - (beta x y)(y^2): two levels and three products a step.
 */
export function inverseSqrtIteration(interval: Interval, start: number | 'tangent', steps: number): ProvedProgram {
  const { polynomial } = inverseSqrtStart(interval, start);
  const startError = proveBound(polynomial, inverseSqrt, squareRoot, [interval]).bound;
  const builder = new ProgramBuilder(interval);
  let y = builder.polynomial(builder.input, polynomial.coefficients);
  let range: Interval = [1 - startError, 1 + startError];
  if (range[0] <= 0 && steps > 0)
    throw new DegreeError(
      `a start of degree ${polynomial.degree} does not stay positive on [${interval}]: raise its degree or narrow the interval`,
    );
  for (let step = 0; step < steps; step++) {
    const { alpha, beta } = stepConstants(range);
    const xy = builder.product(builder.affineOfX(beta), y);
    const cube = builder.product(xy, builder.square(y));
    y = builder.affine([
      [y, alpha],
      [cube, -1],
    ]);
    range = stepRange(range, alpha, beta);
  }
  return { program: builder.build(), relativeError: Math.max(1 - range[0], range[1] - 1) + inputRounding(interval) };
}

/** s -> alpha s - beta s^3, with the smallest error on the range. */
function stepConstants([lo, hi]: Interval): { alpha: number; beta: number } {
  // Below 1e-7 the two constants are Newton's to full precision, and the closed form would divide 0 by 0.
  const a = lo / hi;
  const peak = cubicPeak(a);
  const shape = (s: number) => (3 * peak ** 2 * s - s ** 3) / (2 * peak ** 3);
  const scale = 2 / (1 + shape(a));
  return { alpha: (scale * 3) / (2 * peak * hi), beta: scale / (2 * (peak * hi) ** 3) };
}

function stepRange([lo, hi]: Interval, alpha: number, beta: number): Interval {
  const reach = Math.max(hi, 1.5);
  const cubic = new Polynomial(
    [0, alpha * reach - 0.75 * beta * reach ** 3, 0, -0.25 * beta * reach ** 3],
    [-reach, reach],
  );
  const [low, high] = provedRange(cubic, [lo, hi]);
  // The coefficients above are rounded; four units in the last place of each term cover it.
  const slack = 2 ** -50 * (alpha * hi + beta * hi ** 3);
  return [low - slack, high + slack];
}
