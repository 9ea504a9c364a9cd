import type { PairedComparison } from './paired.ts';

/** What a test set of this size says of a figure: an interval, and how many examples would say enough of a promise. */
export interface Evidence {
  /** 95 %. */
  readonly interval: readonly [number, number];
  /** Test examples (or windows). */
  readonly examples: number;
  /** As many make the interval as narrow as the promise on either side. */
  readonly needed: number;
}

/** 95 % of a normal distribution lie within so many deviations. */
const deviations = 1.96;

/**
 * Accuracy that one model lost to another on the same examples. The interval is that of Agresti and Min, "Simple improved
 * confidence intervals for comparing matched proportions", Statistics in Medicine 2005: half an example more of each outcome,
 * so that few examples without a difference say little.
 */
export function accuracyLost({ examples, onlyOriginal, onlyPolynomial }: PairedComparison, promise: number): Evidence {
  const all = examples + 2;
  const mean = (onlyOriginal - onlyPolynomial) / all;
  const variance = (onlyOriginal + onlyPolynomial + 1) / all - mean ** 2;
  return around(mean, Math.sqrt(variance / all), examples, promise, Math.sqrt(variance));
}

/** A mean of differences, example by example, from their own deviation. At least two examples. */
export function meanDifference(differences: Float64Array, promise: number): Evidence {
  const n = differences.length;
  const mean = differences.reduce((sum, value) => sum + value / n, 0);
  const deviation = Math.sqrt(differences.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1));
  return around(mean, deviation / Math.sqrt(n), n, promise, deviation);
}

function around(mean: number, error: number, examples: number, promise: number, deviation: number): Evidence {
  const reach = deviations * error;
  return {
    interval: [mean - reach, mean + reach],
    examples,
    needed: Math.ceil((deviations * (deviation / promise)) ** 2),
  };
}

/**
 * A share of examples. The interval is the exact one of Clopper and Pearson, "The use of confidence or fiducial limits
 * illustrated in the case of the binomial", Biometrika 1934. Cost: some sums over the examples.
 */
export function shareOf(hits: number, examples: number, promise: number): Evidence {
  const tail = 0.025;
  const low = hits === 0 ? 0 : rootOf((p) => 1 - upTo(hits - 1, examples, p) - tail);
  const high = hits === examples ? 1 : rootOf((p) => tail - upTo(hits, examples, p));
  return {
    interval: [low, high],
    examples,
    needed: Math.ceil((deviations ** 2 * (1 - promise)) / promise),
  };
}

/** Where a function that rises from below 0 to above on [0, 1] is 0. */
function rootOf(rising: (p: number) => number): number {
  let [low, high] = [0, 1];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (rising(middle) < 0) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** The chance of at most k of n, each of chance p, 0 < p < 1. */
function upTo(k: number, n: number, p: number): number {
  let term = n * Math.log1p(-p);
  let sum = Math.exp(term);
  for (let i = 0; i < k; i++) {
    term += Math.log((n - i) / (i + 1)) + Math.log(p) - Math.log1p(-p);
    sum += Math.exp(term);
  }
  return Math.min(1, sum);
}
