import type { Exchange } from '../../data/batches.ts';
import { largestFirst, type SiteExtremes } from '../../evaluate/extremes.ts';
import { Random } from '../../random.ts';
import type { StageTraining } from '../recipe.ts';
import type { Converted } from '../substitution/architecture.ts';
import { isActivation, withClamp } from '../substitution/substitute.ts';
import { type Conversion, extremesOn } from './conversion.ts';
import { limitsOf, rangeLimits, type SiteLimits } from './limits.ts';

/**
 * The exchange of a stage with `hard`: a share of every batch comes from the training examples that reach furthest
 * towards or beyond their limits as the stage begins (Shrivastava et al., CVPR 2016, mine by loss; here by range). One
 * example in a thousand that explodes is otherwise met once an epoch, and then clamped.
 * Cost: one pass over the training data.
 */
export async function mineHardExamples(
  conversion: Conversion,
  model: Converted,
  training: StageTraining,
  { pool, share }: NonNullable<StageTraining['hard']>,
): Promise<Exchange> {
  const { recipe } = conversion;
  const { examples: all } = conversion.batches;
  const sites = await extremesOn(conversion, withClamp(model, false), 'train', all);
  const hardest = hardestFirst(sites, rangeLimits(model, training)).slice(0, Math.ceil(pool * all));
  return (examples, step) => {
    const random = Random.derive(recipe.seed, 'hard', step);
    const kept = Math.round((1 - share) * examples.length);
    return Array.from(examples, (example, i) => (i < kept ? example : hardest[random.integer(hardest.length)]!));
  };
}

/** Numbers of the examples, first the one whose worst site reaches furthest from the middle of its limits. */
export function hardestFirst(sites: readonly SiteExtremes[], limits: readonly SiteLimits[]): number[] {
  const reaches = sites.filter(isActivation).flatMap(({ name, exampleMax, exampleMin }) => {
    const found = limitsOf(name, limits);
    if (!found) return [];
    const centre = (found.low + found.high) / 2;
    const half = (found.high - found.low) / 2;
    return [Float64Array.from(exampleMax, (high, i) => Math.max(high - centre, centre - exampleMin[i]!) / half)];
  });
  return largestFirst(Array.from(reaches[0] ?? [], (_, i) => Math.max(...reaches.map((values) => values[i]!))));
}
