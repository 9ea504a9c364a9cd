import type { StageTraining } from '../recipe.ts';
import type { StagePart } from './plan.ts';

/**
 * "Original, continued": the parts of a conversion without their changes. The original is trained on for the same
 * steps, with the same batches, draws, rates, averaging and teacher (itself), so that what a polynomial model gains or
 * loses against it is not a matter of more training.
 */
export const withoutChanges = (plan: readonly StagePart[]): StagePart[] =>
  plan.map(({ sites: _, ...part }) => {
    const { change: __, train, ...stage } = part.stage;
    return { ...part, norms: [], stage: { ...stage, ...(train ? { train: unlimited(train) } : {}) } };
  });

/** Ranges and variances matter to polynomials alone: no penalty, no argument clamped, no example drawn or changed for its range. */
function unlimited({ clamp: _, hard: __, noise: ___, ...training }: StageTraining): StageTraining {
  return { ...training, losses: { ...training.losses, range: 0, variance: 0 } };
}
