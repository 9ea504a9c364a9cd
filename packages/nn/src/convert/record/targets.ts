import type { MeasuredConversion, SiteRecord } from './record.ts';

/**
 * What range minimisation has to reach for cheap polynomials. Inputs count from their 1e-4 to their 1 - 1e-4 quantile on
 * training data after the last stage, hidden positions included; the worst site counts for all.
 */
export const rangeTargets = {
  /** Largest |input| of attention activations, and of MLP activations. */
  attention: 8,
  mlp: 6,
  /** Largest over smallest variance at a LayerNorm that still divides by it. */
  varianceRatio: 16,
  /** Unseen examples with a value outside an interval. */
  outsidePerThousand: 1,
} as const;

/** One target, and how a conversion stands to it. */
export interface TargetVerdict {
  readonly target: keyof typeof rangeTargets;
  readonly limit: number;
  /** After the last stage; `before` is of the original, where it has such a place. */
  readonly measured: number;
  readonly before?: number;
  /** Where the largest value is. */
  readonly site?: string;
  readonly met: boolean;
}

/** The targets that apply to a conversion: a kind of site that it does not have is left out. */
export function judgeTargets(record: MeasuredConversion): TargetVerdict[] {
  const first = record.stages[0]!.sites;
  const last = record.stages.at(-1)!.sites;
  const judge = (target: TargetVerdict['target'], after: Extreme | undefined, before?: Extreme): TargetVerdict[] => {
    if (!after) return [];
    const limit = rangeTargets[target];
    return [
      {
        target,
        limit,
        measured: after.value,
        ...(before ? { before: before.value } : {}),
        ...(after.site ? { site: after.site } : {}),
        met: after.value <= limit,
      },
    ];
  };
  const scores = (sites: readonly SiteRecord[]) => worst(sites, ['attention-activation', 'attention-softmax'], reach);
  const mlp = (sites: readonly SiteRecord[]) => worst(sites, ['mlp-activation'], reach);
  const variance = (sites: readonly SiteRecord[]) => worst(sites.filter(dividedByServer), ['norm-variance'], ratio);
  const { any, examples } = record.outOfRange.test;
  return [
    ...judge('attention', scores(last), scores(first)),
    ...judge('mlp', mlp(last), mlp(first)),
    ...judge('varianceRatio', dividesByVariance(record) ? variance(last) : undefined, variance(first)),
    ...judge('outsidePerThousand', examples > 0 ? { value: (1000 * any) / examples } : undefined),
  ];
}

interface Extreme {
  readonly value: number;
  readonly site?: string;
}

function worst(
  sites: readonly SiteRecord[],
  kinds: readonly SiteRecord['kind'][],
  of: (site: SiteRecord) => number,
): Extreme | undefined {
  let result: Extreme | undefined;
  for (const site of sites) {
    if (!kinds.includes(site.kind)) continue;
    const value = of(site);
    if (!result || value > result.value) result = { value, site: site.name };
  }
  return result;
}

const reach = ({ quantiles }: SiteRecord): number => Math.max(Math.abs(quantiles.low4), Math.abs(quantiles.high4));

const ratio = ({ quantiles }: SiteRecord): number => quantiles.high4 / quantiles.low4;

/** The norm of embedded tokens is the client's, in clear. */
const dividedByServer = ({ name }: SiteRecord): boolean => name !== 'embedding.norm.variance';

/** Frozen normalisations and BatchNorms divide by constants; a record shows their variances all the same. */
const dividesByVariance = ({ recipe }: MeasuredConversion): boolean =>
  recipe.stages.every(({ change }) => change?.kind !== 'freeze-norms' && change?.kind !== 'batch-norms');
