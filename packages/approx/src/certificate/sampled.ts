import type { Domain } from '../interval.ts';
import type { ErrorBound } from './bound.ts';

/** Factor on the bound of a black-box function, beside twice the second differences. */
export const samplingSafety = 1.05;

const maxDepth = 30;
const maxSamples = 400_000;
const tolerance = 1e-3;

/**
 * Bounds |error| on a domain from samples alone: every cell is halved until its larger end plus twice the bend seen at
 * its middle no longer exceeds the largest value by 0.1 %, so peaks and kinks are pinned down, and the result is
 * multiplied by `samplingSafety`. What it cannot see: a feature narrower than the first cells, of which there are
 * `cells` per interval at uneven spacing (so that a periodic function cannot hide between them).
 *
 * @param noise what rounding alone may put into a value of `error`; differences below it are not chased, and it is added
 */
export function sampleBound(error: (x: number) => number, domain: Domain, cells: number, noise: number): ErrorBound {
  let samples = 0;
  let measured = 0;
  let measuredAt = domain[0]![0];
  const look = (x: number): number => {
    const value = error(x);
    samples++;
    const size = Math.abs(value);
    if (size > measured || Number.isNaN(size)) {
      measured = size;
      measuredAt = x;
    }
    return value;
  };
  let bound = 0;
  interface Cell {
    readonly a: number;
    readonly b: number;
    readonly fa: number;
    readonly fb: number;
    readonly depth: number;
  }
  const stack: Cell[] = [];
  for (const part of domain) {
    const xs = unevenPoints(part, cells);
    const values = xs.map(look);
    for (let i = 1; i < xs.length; i++)
      stack.push({ a: xs[i - 1]!, b: xs[i]!, fa: values[i - 1]!, fb: values[i]!, depth: 0 });
  }
  while (stack.length > 0) {
    const { a, b, fa, fb, depth } = stack.pop()!;
    const m = (a + b) / 2;
    const fm = look(m);
    const bend = Math.abs(fm - (fa + fb) / 2);
    const reach = Math.max(Math.abs(fa), Math.abs(fm), Math.abs(fb)) + 2 * bend;
    const settled = reach <= measured * (1 + tolerance) || bend <= noise;
    if (settled || depth >= maxDepth || samples > maxSamples || m <= a || m >= b) bound = Math.max(bound, reach);
    else stack.push({ a, b: m, fa, fb: fm, depth: depth + 1 }, { a: m, b, fa: fm, fb, depth: depth + 1 });
  }
  return { bound: (bound + noise) * samplingSafety, measured, measuredAt, method: 'sampled', safety: samplingSafety };
}

/** Points denser at the ends, where polynomials oscillate fastest, shifted by a golden-ratio sequence. */
function unevenPoints([lo, hi]: readonly [number, number], cells: number): number[] {
  const golden = (Math.sqrt(5) - 1) / 2;
  return Array.from({ length: cells + 1 }, (_, i) => {
    if (i === 0) return lo;
    if (i === cells) return hi;
    const shift = 0.6 * (((i * golden) % 1) - 0.5);
    return lo + (hi - lo) * Math.sin((Math.PI * (i + shift)) / (2 * cells)) ** 2;
  });
}
