// Test statistics as deviates of a standard normal, and the one threshold they are compared with.

/**
 * Every statistical test here rejects at alpha = 1e-6, two-sided: |z| > 4.8916. Too good a fit is a failure too. Seeds are
 * fixed, so a test either always passes or never does; with some hundred statistics, a correct sampler would have
 * failed with a probability of about 1e-4 when the seeds were chosen.
 */
export const critical = 4.8916;

export function rejected(z: number): boolean {
  return !(Math.abs(z) <= critical);
}

/** Pearson's chi-square of counts against expectations, as a normal deviate (Wilson and Hilferty 1931). */
export function chiSquareDeviate(counts: readonly number[], expected: readonly number[]): number {
  let chi = 0;
  counts.forEach((count, i) => {
    chi += (count - expected[i]!) ** 2 / expected[i]!;
  });
  return chiDeviate(chi, counts.length - 1);
}

/** A value of the chi-square distribution with `df` degrees of freedom, as a normal deviate. */
export function chiDeviate(chi: number, df: number): number {
  const spread = 2 / (9 * df);
  return (Math.cbrt(chi / df) - (1 - spread)) / Math.sqrt(spread);
}

export function counts(indices: Iterable<number>, bins: number): number[] {
  const result = new Array<number>(bins).fill(0);
  for (const i of indices) result[i]! += 1;
  return result;
}

/** Chi-square of bin numbers that should be equally likely. */
export function equalBins(indices: ArrayLike<number> & Iterable<number>, bins: number): number {
  return chiSquareDeviate(counts(indices, bins), new Array(bins).fill(indices.length / bins));
}

/** The mean of x^power against its expectation, given the distribution's moments of order `power` and 2 `power`. */
export function momentDeviate(x: readonly number[], power: number, expected: number, expectedSquare: number): number {
  let sum = 0;
  for (const value of x) {
    let term = value; // not `value ** power`: ten times the time for millions of values
    for (let k = 1; k < power; k += 1) term *= value;
    sum += term;
  }
  return (sum / x.length - expected) / Math.sqrt((expectedSquare - expected ** 2) / x.length);
}

/** Correlation of two sequences whose values have mean 0 and the given variance. */
export function correlationDeviate(a: readonly number[], b: readonly number[], variance: number): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += a[i]! * b[i]!;
  return sum / (variance * Math.sqrt(a.length));
}
