import type { ModelConfig } from '../../transformer/config.ts';
import { matches } from '../../transformer/names.ts';
import type { StageTraining } from '../recipe.ts';
import { type Converted, normNames } from '../substitution/architecture.ts';
import { polynomialsOf } from '../substitution/substitute.ts';

/** The limits of the sites whose name matches (first match wins; * stands for any characters). */
export interface SiteLimits {
  readonly pattern: string;
  readonly low: number;
  readonly high: number;
}

/** The limits that apply to a site, if any. */
export const limitsOf = (name: string, limits: readonly SiteLimits[]): SiteLimits | undefined =>
  limits.find(({ pattern }) => matches(pattern, name));

/** Values at polynomial sites are pulled inside this share of the interval. */
const polynomialShare = 0.9;
/** Deviations within which usual values of a normalisation lie, before its gain. */
const usualDeviations = 4;

/** Limits of every site: a polynomial's interval, else the stage's limits by kind and name. */
export function rangeLimits(model: Converted, { limits }: StageTraining): SiteLimits[] {
  const intervals = [...polynomialsOf(model)].map(([pattern, { low, high }]) => ({
    pattern,
    ...scaled(low, high, polynomialShare),
  }));
  const of = (pattern: string, [low, high]: readonly [number, number]) => ({ pattern, low, high });
  const kinds = [
    of('*.attention.activation', limits.attention),
    of('*.mlp.activation', limits.mlp),
    of('head.activation', limits.head),
  ];
  return [...limits.sites, ...intervals, ...kinds];
}

/** Limits of the variances that normalisations divide by, about their means as the stage begins. */
export function varianceLimits(variances: ReadonlyMap<string, number>, { limits }: StageTraining): SiteLimits[] {
  const ratio = limits.varianceRatio;
  return [...variances].map(([name, mean]) => ({ pattern: `${name}.variance`, low: mean / ratio, high: mean * ratio }));
}

/** What arguments are clamped to, by site: the stage's limits and those of normalisations, widened by a factor. */
export function clampLimits(model: Converted, training: StageTraining, factor: number) {
  const limits = [...rangeLimits(model, training), ...normLimits(model.config)];
  return (site: string): readonly [number, number] | undefined => {
    const found = limitsOf(site, limits);
    if (!found) return undefined;
    const { low, high } = scaled(found.low, found.high, factor);
    return [low, high];
  };
}

const normLimits = (config: ModelConfig): SiteLimits[] =>
  normNames(config).map((pattern) => ({ pattern, low: -usualDeviations, high: usualDeviations }));

/** An interval made wider or narrower about its middle. */
function scaled(low: number, high: number, factor: number): { readonly low: number; readonly high: number } {
  const centre = (low + high) / 2;
  const half = (factor * (high - low)) / 2;
  return { low: centre - half, high: centre + half };
}
