import { describe, expect, it } from 'vitest';
import { type CellFigures, cellFigures } from '../../src/ablation/cell.ts';
import { parseAblation } from '../../src/ablation/recipe.ts';
import { ablationCsv, estimate, studentQuantile, summarise } from '../../src/ablation/summary.ts';
import type { MeasuredConversion } from '../../src/convert/record/record.ts';
import { UnstableTrainingError } from '../../src/errors.ts';
import { Random } from '../../src/random.ts';

describe('estimates over seeds', () => {
  it('Student’s quantiles agree with published ones, inside and beyond the table', () => {
    // NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2.
    const published = [
      [2, 4.303],
      [10, 2.228],
      [13, 2.16],
      [20, 2.086],
      [30, 2.042],
      [100, 1.984],
    ] as const;
    for (const [degrees, value] of published) expect(studentQuantile(degrees)).toBeCloseTo(value, 2);
  });

  it('three values by hand', () => {
    // Mean 2, standard error 1 / sqrt(3), half width 4.303 / sqrt(3) = 2.484.
    const { mean, low, high } = estimate([1, 2, 3]);
    expect(mean).toBe(2);
    expect(low).toBeCloseTo(-0.484, 3);
    expect(high).toBeCloseTo(4.484, 3);
    expect(estimate([5])).toEqual({ mean: 5 });
  });

  it('intervals of three normal values cover the mean 95 % of the time; the normal quantile would not', () => {
    const random = Random.derive(1, 'coverage');
    let covered = 0;
    let coveredNormal = 0;
    const repetitions = 4000;
    for (let i = 0; i < repetitions; i++) {
      const { mean, low, high } = estimate([random.normal(), random.normal(), random.normal()]);
      if (low! <= 0 && high! >= 0) covered += 1;
      if (Math.abs(mean) <= ((high! - mean) * 1.96) / 4.303) coveredNormal += 1;
    }
    // Standard error of the share: sqrt(0.95 * 0.05 / 4000) = 0.0035.
    expect(Math.abs(covered / repetitions - 0.95)).toBeLessThan(0.014);
    expect(coveredNormal / repetitions).toBeLessThan(0.9);
  });
});

const ablation = parseAblation(
  {
    name: 'a',
    conversion: 'c.json',
    model: 'm',
    seeds: [1, 2],
    limit: 100,
    variants: [
      { name: 'base', axis: 'base', description: 'as it is' },
      { name: 'wild', axis: 'scaling', description: 'no scaling' },
      { name: 'later', axis: 'scaling', description: 'not run yet' },
    ],
  },
  'a.json',
);
const figures = (result: number, rollbacks = 0): CellFigures => ({
  figure: 'accuracy',
  original: 0.9,
  result,
  gap: result - 0.9,
  levels: 12,
  outside: 0.01,
  attention: 5,
  mlp: 6,
  variance: 40,
  rollbacks,
  steps: 10,
  seconds: 1.5,
});
const cells = [
  { variant: 'base', seed: 1, figures: figures(0.88) },
  { variant: 'base', seed: 2, figures: figures(0.9) },
  { variant: 'wild', seed: 1, figures: figures(0.5, 2) },
  { variant: 'wild', seed: 2, failure: 'diverged, "badly"' },
];

describe('the table', () => {
  it('has a row for each variant that ran, and says which are not stable and why', () => {
    const rows = summarise(ablation, cells);
    expect(rows.map(({ variant, stable, failures, rollbacks }) => [variant.name, stable, failures, rollbacks])).toEqual(
      [
        ['base', true, 0, 0],
        ['wild', false, 1, 2],
      ],
    );
    expect(rows[0]!.estimates!.result.mean).toBeCloseTo(0.89, 12);
    expect(rows[0]!.estimates!.gap.mean).toBeCloseTo(-0.01, 12);
    expect(rows[1]!.estimates!.result).toEqual({ mean: 0.5 });
  });

  it('sets each variant against the base with the same seed', () => {
    const paired = [...cells.slice(0, 2), { variant: 'later', seed: 1, figures: figures(0.87) }];
    const [base, later] = summarise(ablation, [...paired, { variant: 'later', seed: 2, figures: figures(0.89) }]);
    expect(base!.againstBase).toBeUndefined();
    // Both seeds differ by -0.01: what seeds have in common leaves no interval.
    for (const value of Object.values(later!.againstBase!)) expect(value).toBeCloseTo(-0.01, 12);
    expect(summarise(ablation, cells)[1]!.againstBase!.mean).toBeCloseTo(0.5 - 0.88, 12);
    expect(summarise(ablation, [cells[2]!])[0]!.againstBase).toBeUndefined();
  });

  it('as CSV has one line a cell, quoted where needed', () => {
    const lines = ablationCsv(ablation, cells).trimEnd().split('\r\n');
    expect(lines).toHaveLength(5);
    expect(lines[0]).toMatch(/^axis,variant,seed,trainingShare,limit,figure,original,result,gap,/);
    expect(lines[1]).toMatch(/^base,base,1,1,100,accuracy,0\.9,0\.88,/);
    expect(lines[4]).toMatch(/^scaling,wild,2,1,100,(,)+"diverged, ""badly"""$/);
  });
});

it('a site that overflows counts as the largest float32', () => {
  const site = { kind: 'mlp-activation', min: -Infinity, max: 3 };
  const row = { name: 'original', figure: 'accuracy', rollbacks: 0, steps: 1, seconds: 1, test: { accuracy: 0.9 } };
  const measured = {
    stages: [
      { ...row, sites: [] },
      { ...row, sites: [site] },
    ],
    levels: {},
    outOfRange: { test: { examples: 0, any: 0, sites: {} } },
  };
  const { mlp, attention } = cellFigures(measured as unknown as MeasuredConversion);
  expect(mlp).toBe(Math.fround(3.4028234663852886e38));
  expect(attention).toBe(0);
});

it('a result that is not finite is a failure of its cell', () => {
  const row = { name: 'original', figure: 'accuracy', sites: [], rollbacks: 0, steps: 1, seconds: 1 };
  const ended = (test: Record<string, number>) =>
    ({
      stages: [
        { ...row, test: { accuracy: 0.9 } },
        { ...row, test },
      ],
      levels: {},
      outOfRange: { test: { examples: 0, any: 0, sites: {} } },
    }) as unknown as MeasuredConversion;
  expect(cellFigures(ended({ accuracy: 0.8 })).gap).toBeCloseTo(-0.1);
  expect(() => cellFigures(ended({}))).toThrow(UnstableTrainingError);
});
