import { IntervalError } from './errors.ts';

/** A closed interval [lo, hi], lo < hi, both finite. */
export type Interval = readonly [lo: number, hi: number];

/** One or more disjoint intervals in rising order. */
export type Domain = readonly Interval[];

/** What callers may give: one interval or several in any order. */
export type IntervalInput = Interval | readonly Interval[];

const show = ([lo, hi]: Interval) => `[${lo}, ${hi}]`;

function isInterval(input: IntervalInput): input is Interval {
  return input.length === 2 && typeof input[0] === 'number';
}

/** Checks one interval. @throws IntervalError */
export function checkInterval(interval: Interval): Interval {
  const [lo, hi] = interval;
  if (interval.length !== 2 || !Number.isFinite(lo) || !Number.isFinite(hi))
    throw new IntervalError(`the interval ${show(interval)} needs two finite ends: give it as [lo, hi]`);
  if (lo > hi) throw new IntervalError(`the interval ${show(interval)} is reversed: give it as [${hi}, ${lo}]`);
  if (lo === hi)
    throw new IntervalError(
      `the interval ${show(interval)} is a single point: give it a width, for example [${lo - 1}, ${hi + 1}]`,
    );
  if (hi - lo <= 2 ** -40 * Math.max(Math.abs(lo), Math.abs(hi)))
    throw new IntervalError(
      `the interval ${show(interval)} is too narrow for its distance from 0: shift the variable so that it starts near 0`,
    );
  if (!Number.isFinite(hi - lo))
    throw new IntervalError(`the interval ${show(interval)} is wider than a double can hold: rescale the variable`);
  return interval;
}

/** Checks, sorts and separates intervals. @throws IntervalError when one is unusable or two overlap */
export function toDomain(input: IntervalInput): Domain {
  const list = isInterval(input) ? [input] : [...input];
  if (list.length === 0) throw new IntervalError('no interval was given: give at least one [lo, hi]');
  const sorted = list.map(checkInterval).sort((a, b) => a[0] - b[0]);
  for (let i = 1; i < sorted.length; i++) {
    if (sorted[i]![0] <= sorted[i - 1]![1])
      throw new IntervalError(
        `the intervals ${show(sorted[i - 1]!)} and ${show(sorted[i]!)} touch or overlap: merge them into one`,
      );
  }
  return sorted;
}

/** The smallest interval that holds all of a domain. */
export function hull(domain: Domain): Interval {
  return [domain[0]![0], domain[domain.length - 1]![1]];
}

export function contains(domain: Domain, x: number): boolean {
  return domain.some(([lo, hi]) => x >= lo && x <= hi);
}

/** Whether x in the domain means -x in the domain. */
export function isSymmetric(domain: Domain): boolean {
  return domain.every(([lo, hi], i) => {
    const [otherLo, otherHi] = domain[domain.length - 1 - i]!;
    return lo === -otherHi && hi === -otherLo;
  });
}

/** The part x >= 0 of a symmetric domain. */
export function positivePart(domain: Domain): Domain {
  return domain.filter(([, hi]) => hi > 0).map(([lo, hi]) => [Math.max(lo, 0), hi]);
}

/** Maps x in the interval to t in [-1, 1]. */
export function toUnit([lo, hi]: Interval, x: number): number {
  return (x - lo - (hi - x)) / (hi - lo);
}

/** Maps t in [-1, 1] to x in the interval; the ends are exact. */
export function fromUnit([lo, hi]: Interval, t: number): number {
  return t >= 0 ? hi - 0.5 * (1 - t) * (hi - lo) : lo + 0.5 * (1 + t) * (hi - lo);
}

export function describeDomain(domain: Domain): string {
  return domain.map(show).join(' ∪ ');
}
