import { describe, expect, it } from 'vitest';
import { conversionFormat, type MeasuredConversion, type SiteRecord } from '../../../src/convert/record/record.ts';
import { judgeTargets } from '../../../src/convert/record/targets.ts';
import { recipe } from '../support.ts';

const site = (name: string, kind: SiteRecord['kind'], low4: number, high4: number): SiteRecord => ({
  name,
  kind,
  min: 100 * low4,
  max: 100 * high4,
  mean: 0,
  deviation: 1,
  quantiles: { low4, low2: 0, median: 0, high2: 0, high4 },
  histogram: { low: 0, high: 1, counts: [1] },
});

function made(stages: unknown, outside: number): MeasuredConversion {
  const row = { change: '', complete: true, steps: 0, seconds: 0, rollbacks: 0, figure: 'accuracy', curve: [] };
  return {
    format: conversionFormat,
    name: 'model',
    recipe: recipe(stages),
    machine: '',
    parameters: 1,
    stages: [
      {
        ...row,
        name: 'original',
        validation: {},
        sites: [site('layers.0.attention.softmax', 'attention-softmax', -30, 20)],
      },
      {
        ...row,
        name: 'last',
        validation: {},
        sites: [
          site('embedding.norm.variance', 'norm-variance', 0.01, 100),
          site('layers.0.norm1.variance', 'norm-variance', 0.5, 10),
          site('layers.0.attention.activation', 'attention-activation', -8, 3),
          site('layers.0.mlp.activation', 'mlp-activation', -2, 5),
          site('layers.1.mlp.activation', 'mlp-activation', -6.5, 5),
        ],
      },
    ],
    levels: {},
    outOfRange: {
      validation: { examples: 0, any: 0, sites: {} },
      test: { examples: 2000, any: outside, sites: {} },
    },
    seconds: 0,
  };
}

describe('the range targets', () => {
  it('judge the worst site by its outer quantiles, not by single values', () => {
    const verdicts = judgeTargets(made([{ name: 'attention', change: { kind: 'attention' } }], 2));
    expect(verdicts).toEqual([
      { target: 'attention', limit: 8, measured: 8, before: 30, site: 'layers.0.attention.activation', met: true },
      { target: 'mlp', limit: 6, measured: 6.5, site: 'layers.1.mlp.activation', met: false },
      { target: 'varianceRatio', limit: 16, measured: 20, site: 'layers.0.norm1.variance', met: false },
      { target: 'outsidePerThousand', limit: 1, measured: 1, met: true },
    ]);
  });

  it('leave variances out where nothing divides by them', () => {
    const frozen = judgeTargets(made([{ name: 'norms', change: { kind: 'freeze-norms' } }], 3));
    expect(frozen.map(({ target, met }) => [target, met])).toEqual([
      ['attention', true],
      ['mlp', false],
      ['outsidePerThousand', false],
    ]);
  });
});
