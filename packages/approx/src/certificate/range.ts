import { expressionTarget } from '../functions/catalogue.ts';
import { type Interval, toUnit } from '../interval.ts';
import type { Polynomial } from '../polynomial.ts';
import { proveBound } from './proved.ts';

const zero = expressionTarget('0', '0');

/**
 * An interval that surely holds p(x) for every x of a part of p's interval. Each end is the proved bound of the distance
 * from a level well beyond the other end, so a wrong guess at one end costs nothing at the other. This is how the
 * stages of a composition are chained; ends near 0 are found to relative accuracy, for the next stage tells them from 0.
 */
export function provedRange(p: Polynomial, part: Interval): Interval {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  const samples = 8 * (p.degree + 2);
  for (let i = 0; i <= samples; i++) {
    const x = part[0] + (part[1] - part[0]) * Math.sin((Math.PI * i) / (2 * samples)) ** 2;
    const y = p.evaluate(Math.min(part[1], x));
    low = Math.min(low, y);
    high = Math.max(high, y);
  }
  const width = Math.max(high - low, 2 ** -40 * Math.max(Math.abs(low), Math.abs(high)));
  const nearest = Math.min(width, Math.abs(low), Math.abs(high)) / width;
  const tolerance = 2e-5 * Math.max(1e-9, nearest);
  const distance = (level: number): number => {
    const { bound } = proveBound(p.transform(1, -level), zero, undefined, [part], tolerance);
    // The shift rounds the constant term once, and the caller's sum once more.
    return bound + 2 ** -51 * (Math.abs(level) + Math.abs(p.coefficients[0]!) + bound);
  };
  const above = high + width;
  const below = low - width;
  return [above - distance(above), below + distance(below)];
}

/** The range of a chain of polynomials on [-1, 1], each applied to the last one's result, over an input range. */
export function provedChainRange(stages: readonly Polynomial[], input: Interval): Interval {
  return stages.reduce<Interval>((range, p) => provedRange(p, clampTo(p, range)), input);
}

/** Ranges may stick out of [-1, 1] by rounding; more than that is a mistake in the construction. */
function clampTo(p: Polynomial, [lo, hi]: Interval): Interval {
  const outside = Math.max(Math.abs(toUnit(p.interval, lo)), Math.abs(toUnit(p.interval, hi))) - 1;
  if (outside > 1e-9) throw new Error(`unreachable: a stage is given values ${outside} outside its interval`);
  return [Math.max(p.interval[0], lo), Math.min(p.interval[1], hi)];
}
