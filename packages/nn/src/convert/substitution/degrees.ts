import type { SiteRange } from '../../evaluate/ranges.ts';
import type { SubstituteOptions } from '../recipe.ts';
import type { Converted } from './architecture.ts';
import { fitSite, type SitePolynomial, siteInterval, substitute } from './substitute.ts';

/** Validation loss of a choice of degrees; lower is better. */
export type Score = (model: Converted) => Promise<number>;

/** One choice of degrees: total levels over all sites, and the validation loss without fine-tuning. */
export interface DegreeChoice {
  readonly levels: number;
  readonly loss: number;
  readonly degrees: Readonly<Record<string, number>>;
}

export interface DegreeSearch {
  readonly polynomials: readonly SitePolynomial[];
  /** The Pareto front: choices that no other beats in both levels and loss, from the most levels to the fewest. */
  readonly front: readonly DegreeChoice[];
}

/**
 * Chooses a degree for each site. From the largest degrees everywhere it lowers, one at a time, the site where a saved
 * level costs the least validation loss, down to the smallest degrees; the result is the choice of fewest levels whose
 * loss is within `tolerance` nats of the best. One candidate each: no search, no scoring.
 *
 * Cost: about sites^2 * candidates / 2 scorings; candidates share one configuration (coefficients padded with zeros).
 */
export async function chooseDegrees(
  model: Converted,
  ranges: readonly SiteRange[],
  options: SubstituteOptions,
  score: Score,
): Promise<DegreeSearch> {
  const sites = ranges.map((range) => {
    const interval = siteInterval(range, options);
    const degrees = [...candidatesFor(range, options)].sort((a, b) => b - a);
    return degrees.map((degree) => fitSite(model.config, range, degree, interval, options));
  });
  const chosen = sites.map(() => 0);
  const pick = (choice: readonly number[]) => choice.map((index, i) => sites[i]![index]!);
  if (sites.every((candidates) => candidates.length === 1)) return { polynomials: pick(chosen), front: [] };

  const longest = Math.max(...sites.flat().map(({ coefficients }) => coefficients.length));
  const lossOf = (choice: readonly number[]) =>
    score(
      substitute(
        model,
        pick(choice).map((p) => pad(p, longest)),
        { trainable: false, clamp: true },
      ),
    );
  const record = (choice: readonly number[], loss: number) => ({
    choice: [...choice],
    loss,
    levels: levelsOf(pick(choice)),
  });
  const path = [record(chosen, await lossOf(chosen))];
  for (;;) {
    let best: { choice: number[]; loss: number; price: number } | undefined;
    for (const [i, candidates] of sites.entries()) {
      if (chosen[i]! + 1 >= candidates.length) continue;
      const choice = chosen.with(i, chosen[i]! + 1);
      const loss = await lossOf(choice);
      const saved = candidates[chosen[i]!]!.levels - candidates[choice[i]!]!.levels;
      const price = (loss - path.at(-1)!.loss) / Math.max(saved, 0.25);
      if (!best || price < best.price) best = { choice, loss, price };
    }
    if (!best) break;
    chosen.splice(0, chosen.length, ...best.choice);
    path.push(record(chosen, best.loss));
  }
  const lowest = Math.min(...path.map(({ loss }) => loss));
  const acceptable = path.filter(({ loss }) => loss <= lowest + options.tolerance);
  const result = acceptable.reduce((a, b) => (b.levels < a.levels ? b : a));
  const dominates = (a: { levels: number; loss: number }, b: { levels: number; loss: number }) =>
    a.levels <= b.levels && a.loss <= b.loss && (a.levels < b.levels || a.loss < b.loss);
  const front = path.filter((choice) => !path.some((other) => dominates(other, choice)));
  return {
    polynomials: pick(result.choice),
    front: front.map(({ choice, levels, loss }) => ({
      levels,
      loss,
      degrees: Object.fromEntries(pick(choice).map((p) => [p.site, p.coefficients.length - 1])),
    })),
  };
}

const levelsOf = (polynomials: readonly SitePolynomial[]) => polynomials.reduce((sum, { levels }) => sum + levels, 0);

const pad = (polynomial: SitePolynomial, length: number): SitePolynomial => ({
  ...polynomial,
  coefficients: Array.from({ length }, (_, i) => polynomial.coefficients[i] ?? 0),
});

function candidatesFor({ kind }: SiteRange, options: SubstituteOptions): readonly number[] {
  if (kind === 'attention-activation') return options.attention;
  return kind === 'mlp-activation' ? options.mlp : options.head;
}
