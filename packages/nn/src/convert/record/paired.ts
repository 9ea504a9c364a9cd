import { Random } from '../../random.ts';

/** Two models on the same examples. */
export interface PairedComparison {
  readonly examples: number;
  /** Examples that only one of the two gets right. */
  readonly onlyOriginal: number;
  readonly onlyPolynomial: number;
  /** McNemar's exact two-sided p. */
  readonly p: number;
}

/** McNemar's exact test on the examples where two models differ: the binomial tail at one half, twice. */
export function comparePaired(original: readonly boolean[], polynomial: readonly boolean[]): PairedComparison {
  let onlyOriginal = 0;
  let onlyPolynomial = 0;
  original.forEach((right, i) => {
    if (right && !polynomial[i]) onlyOriginal += 1;
    if (!right && polynomial[i]) onlyPolynomial += 1;
  });
  const n = onlyOriginal + onlyPolynomial;
  let tail = 0;
  let logTerm = -n * Math.LN2;
  for (let k = 0; k <= Math.min(onlyOriginal, onlyPolynomial); k++) {
    tail += Math.exp(logTerm);
    logTerm += Math.log((n - k) / (k + 1));
  }
  return { examples: original.length, onlyOriginal, onlyPolynomial, p: Math.min(1, 2 * tail) };
}

/** Resamples of a bootstrap and flips of a permutation test: the third digit of either is noise. */
const draws = 10_000;

/**
 * 95 % percentile interval of the mean of paired differences, from resampling the examples (Efron, 1979). The draws
 * are fixed, so the same differences give the same interval. Cost: draws x examples that differ.
 */
export function bootstrapInterval(differences: Float64Array): readonly [number, number] {
  const random = Random.derive(1, 'bootstrap');
  const n = differences.length;
  // Most examples do not differ: only how many of a resample do, and which, is drawn.
  const some = differences.filter((difference) => difference !== 0);
  const means = new Float64Array(draws);
  for (let draw = 0; draw < draws; draw++) {
    let sum = 0;
    for (let i = binomial(random, n, some.length / n); i > 0; i--) sum += some[random.integer(some.length)]!;
    means[draw] = sum / n;
  }
  means.sort();
  return [means[Math.floor(0.025 * draws)]!, means[Math.ceil(0.975 * draws) - 1]!];
}

/** How many of n trials of probability p succeed, by drawing the distances from one success to the next. */
function binomial(random: Random, n: number, p: number): number {
  if (p === 0 || p === 1) return p * n;
  const perTrial = Math.log1p(-p);
  let count = 0;
  let trial = 0;
  while (true) {
    trial += Math.floor(Math.log(1 - random.uniform()) / perTrial) + 1;
    if (trial > n) return count;
    count += 1;
  }
}

/**
 * Two-sided p of "the differences are symmetric about 0" by random flips of their signs: for one pair of classifiers
 * McNemar's test, and also defined for means over seeds and for nats.
 */
export function signFlipP(differences: Float64Array): number {
  const random = Random.derive(1, 'sign-flips');
  const some = differences.filter((difference) => difference !== 0);
  const observed = Math.abs(some.reduce((sum, value) => sum + value, 0));
  // Sums in another order differ in their last digits; a tie has to count as one.
  const reached = observed * (1 - 1e-12);
  let asLarge = 0;
  for (let draw = 0; draw < draws; draw++) {
    let sum = 0;
    for (const difference of some) sum += random.uint32() & 0x80000000 ? difference : -difference;
    if (Math.abs(sum) >= reached) asLarge += 1;
  }
  return (1 + asLarge) / (1 + draws);
}
