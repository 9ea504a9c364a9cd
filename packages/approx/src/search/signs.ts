import { type Approximation, makeApproximation } from '../approximation.ts';
import type { Target } from '../fit/fit.ts';
import { hull, isSymmetric } from '../interval.ts';
import { optimalDepth } from '../program/plan.ts';
import { proveSignProgram, type SignKind, signProgram } from '../programs/relu.ts';
import { compositeSign, oddSign } from '../programs/sign.ts';
import type { SearchGoal } from './candidate.ts';

/** Stage degrees: the fullest of each depth and those just above it that save products (as Lee et al., ePrint 2020/834, choose). */
const stageDegrees = [3, 5, 7, 11, 13, 15, 23, 27, 31] as const;
/** Ciphertext products of an odd polynomial of that degree by `evaluationPlan`. */
const stageProducts: Readonly<Record<number, number>> = {
  3: 2,
  5: 3,
  7: 5,
  11: 6,
  13: 7,
  15: 8,
  23: 9,
  27: 10,
  31: 12,
};

interface Chain {
  readonly degrees: readonly number[];
  readonly levels: number;
  readonly products: number;
  /** Least |value| after the stages, where the largest is 1. */
  readonly from: number;
  readonly error: number;
}

/**
 * The cheapest chains of minimax stages for sign on gap <= |x| <= 1, by dynamic programming over levels: for each level
 * count the chains that no other beats in both products and error (as Lee et al. do by dynamic programming).
 * Stops at the first level count with a chain of at most `maxError`.
 */
export function signChains(gap: number, maxError: number, maxLevels: number): Chain[] {
  const byLevel: Chain[][] = [[{ degrees: [], levels: 0, products: 0, from: gap, error: 1 - gap }]];
  for (let levels = 1; levels <= maxLevels; levels++) {
    const reached: Chain[] = [];
    for (const degree of stageDegrees) {
      for (const before of byLevel[levels - optimalDepth(degree)] ?? []) {
        const error = stageError(before.from, degree);
        if (error < 1e-13) continue;
        reached.push({
          degrees: [...before.degrees, degree],
          levels,
          products: before.products + stageProducts[degree]!,
          from: (1 - error) / (1 + error),
          error,
        });
      }
    }
    byLevel[levels] = undominated(reached);
    const enough = byLevel[levels]!.filter(({ error }) => error <= maxError);
    if (enough.length > 0) return [enough[0]!];
  }
  // Nothing reaches the goal: the most precise chain of every level count.
  return byLevel.slice(1).flatMap((chains) => chains.slice(-1));
}

/** By rising products, each more precise than the ones before. */
function undominated(chains: Chain[]): Chain[] {
  const kept: Chain[] = [];
  for (const chain of chains.sort((a, b) => a.products - b.products || a.error - b.error)) {
    if (kept.length === 0 || chain.error < kept[kept.length - 1]!.error * (1 - 1e-9)) kept.push(chain);
  }
  return kept;
}

const errorCache = new Map<string, number>();

/** Minimax error of one stage; `from` is rounded to 0.5 %, downwards, so that searches share the exchanges. */
function stageError(from: number, degree: number): number {
  const step = Math.floor(Math.log(from) * 200);
  const key = `${degree}:${step}`;
  let error = errorCache.get(key);
  if (error === undefined) {
    error = oddSign(Math.exp(step / 200), degree).referenceError;
    errorCache.set(key, error);
  }
  return error;
}

/** Composite signs for sign, step, abs and relu on a symmetric domain. */
export function* signCandidates(target: Target, goal: SearchGoal): Iterable<Approximation> {
  const kind = target.fn.family as SignKind;
  const [, reach] = hull(target.domain);
  if (!isSymmetric(target.domain) || target.objective.kind !== 'absolute' || target.density !== undefined) return;
  const half = kind === 'step' || kind === 'relu' ? 2 : 1;
  if (kind === 'sign' || kind === 'step') {
    const gap = target.domain[target.domain.length - 1]![0] / reach;
    if (!(gap > 0)) return;
    for (const { degrees } of signChains(gap, goal.maxError * half * 0.98, goal.maxLevels))
      yield signApproximation(target, kind, degrees, gap, reach);
    return;
  }
  const signGoal = (goal.maxError * half) / reach;
  if (!(signGoal < 0.5)) return;
  // Inside the gap the error stays below about gap / 3, so the gap can be a few times the goal: try from wide to narrow.
  for (const widening of [4, 3, 2.5, 2, 1.5, 1]) {
    const gap = widening * signGoal;
    if (gap >= 1) continue;
    const chain = signChains(gap, signGoal * 0.98, goal.maxLevels - 1).find(({ error }) => error <= signGoal);
    if (chain === undefined) continue;
    const approximation = signApproximation(target, kind, chain.degrees, gap, reach);
    yield approximation;
    if (approximation.certificate.error.bound <= goal.maxError) return;
  }
}

function signApproximation(
  target: Target,
  kind: SignKind,
  degrees: readonly number[],
  gap: number,
  reach: number,
): Approximation {
  const composite = compositeSign(gap, degrees);
  return makeApproximation('composition', `sign by degrees ${degrees.join(', ')}`, {
    ...target,
    program: signProgram(kind, composite, reach),
    provedByStages: proveSignProgram(kind, composite, gap, reach),
  });
}
