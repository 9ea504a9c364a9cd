import type { Approximation } from '../approximation.ts';
import { OptionError, SearchError } from '../errors.ts';
import { resolveTarget, type TargetOptions } from '../fit/fit.ts';
import type { Family } from '../functions/target.ts';
import { describeDomain } from '../interval.ts';
import { type CandidateSource, objectiveError, type SearchGoal } from './candidate.ts';
import { cosineCandidates } from './double-angle.ts';
import { exponentialCandidates, inverseSqrtCandidates, reciprocalCandidates } from './iterations.ts';
import { polynomialCandidates } from './polynomials.ts';
import { signCandidates } from './signs.ts';

export interface SearchOptions extends TargetOptions {
  /** Largest allowed error: absolute, relative or weighted as asked; the root mean square with a density. */
  readonly maxError?: number;
  readonly maxLevels?: number;
  /** Largest degree of a single polynomial that is tried; 255 unless given. */
  readonly maxDegree?: number;
}

export interface SearchResult {
  /** Fewest levels (then products, then error) within `maxError`; without `maxError` the least error within `maxLevels`. */
  readonly best: Approximation;
  /** Candidates that no other beats in levels, products and error at once, by rising levels. */
  readonly front: readonly Approximation[];
}

const families: Readonly<Record<Family, CandidateSource>> = {
  sign: signCandidates,
  step: signCandidates,
  relu: signCandidates,
  abs: signCandidates,
  reciprocal: reciprocalCandidates,
  'inverse-sqrt': inverseSqrtCandidates,
  sqrt: inverseSqrtCandidates,
  exp: exponentialCandidates,
  cosine: cosineCandidates,
};

const levelLimit = 32;

/**
 * The cheapest approximation for an error, or the most precise one for a number of levels, over single polynomials and
 * what the function's family offers: composite signs, Newton and Goldschmidt iterations, repeated squaring, double angles.
 *
 * @throws SearchError when nothing meets both bounds; its message says how near the search came
 */
export function search(options: SearchOptions): SearchResult {
  const { maxError, maxLevels } = options;
  if (maxError === undefined && maxLevels === undefined)
    throw new OptionError('a search needs maxError, maxLevels or both');
  if (maxError !== undefined && !(maxError > 0))
    throw new OptionError(`maxError is ${maxError}: give a positive number`);
  if (maxLevels !== undefined && !(Number.isInteger(maxLevels) && maxLevels >= 1))
    throw new OptionError(`maxLevels is ${maxLevels}: give a whole number from 1 on`);
  const target = resolveTarget(options);
  const goal: SearchGoal = {
    // Without an error to reach, more precision than a scheme can carry is not worth looking for.
    maxError: maxError ?? 1e-12,
    maxLevels: Math.min(maxLevels ?? levelLimit, levelLimit),
    maxDegree: options.maxDegree ?? 255,
  };
  const candidates = [...polynomialCandidates(target, goal)];
  const family = target.fn.family && families[target.fn.family];
  if (family) candidates.push(...family(target, goal));
  const front = paretoFront(candidates.filter(({ cost }) => cost.levels <= goal.maxLevels));
  const good = maxError === undefined ? front : front.filter((c) => objectiveError(c) <= maxError);
  const order = maxError === undefined ? byError : byCost;
  const [best] = [...good].sort(order);
  if (best === undefined) throw nothingFound(target.fn.name, describeDomain(target.domain), goal, front);
  return { best, front };
}

function byCost(a: Approximation, b: Approximation): number {
  return (
    a.cost.levels - b.cost.levels ||
    a.cost.ciphertextMultiplications - b.cost.ciphertextMultiplications ||
    objectiveError(a) - objectiveError(b)
  );
}

function byError(a: Approximation, b: Approximation): number {
  return objectiveError(a) - objectiveError(b) || byCost(a, b);
}

function paretoFront(candidates: readonly Approximation[]): Approximation[] {
  const dominates = (a: Approximation, b: Approximation) =>
    a.cost.levels <= b.cost.levels &&
    a.cost.ciphertextMultiplications <= b.cost.ciphertextMultiplications &&
    objectiveError(a) <= objectiveError(b);
  return candidates
    .filter((b, i) => !candidates.some((a, j) => j !== i && dominates(a, b) && !(dominates(b, a) && i < j)))
    .sort(byCost);
}

function nothingFound(name: string, where: string, goal: SearchGoal, front: readonly Approximation[]): SearchError {
  const nearest = [...front].sort(byError)[0];
  const came = nearest
    ? `; the nearest is ${nearest.description} with ${objectiveError(nearest).toExponential(2)} at ${nearest.cost.levels} levels`
    : '';
  return new SearchError(
    `no approximation of ${name} on ${where} has an error of at most ${goal.maxError} within ${goal.maxLevels} levels and degree ${goal.maxDegree}${came}: allow more levels or error, or narrow the interval`,
  );
}
