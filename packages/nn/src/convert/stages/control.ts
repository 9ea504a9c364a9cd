import type { StageTraining } from '../recipe.ts';
import type { PlanItem } from './plan.ts';

/**
 * "Original, continued": the pieces of a conversion without their changes. The original is trained on for the same
 * steps, with the same batches, draws, rates, averaging and teacher (itself), so that what a polynomial model gains or
 * loses against it is not a matter of more training.
 */
export const withoutChanges = (plan: readonly PlanItem[]): PlanItem[] =>
  plan.map(({ sites: _, ...item }) => {
    const { change: __, train, ...stage } = item.stage;
    return { ...item, norms: [], stage: { ...stage, ...(train ? { train: unlimited(train) } : {}) } };
  });

/** Ranges and variances matter to polynomials alone: no penalty, no argument clamped, no example drawn or changed for its range. */
function unlimited({ clamp: _, hard: __, noise: ___, ...training }: StageTraining): StageTraining {
  return { ...training, losses: { ...training.losses, range: 0, variance: 0 } };
}
