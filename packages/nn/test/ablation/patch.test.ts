import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../model/src/errors.ts';
import { type Json, mergePatch } from '../../src/ablation/patch.ts';
import { cellRecipe, parseAblation } from '../../src/ablation/recipe.ts';

describe('merge patch', () => {
  // The test cases of RFC 7396, appendix A.
  const cases: readonly (readonly [Json, Json, Json])[] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  it.each(cases)('%j with %j is %j', (target, patch, result) => {
    expect(mergePatch(target, patch, 'test')).toEqual(result);
  });

  const stages: Json = { stages: [{ name: 'one', train: { epochs: 1 } }, { name: 'two' }] };

  it('changes and removes elements of an array by name', () => {
    expect(mergePatch(stages, { stages: { one: { train: { epochs: 2 } } } }, 'test')).toEqual({
      stages: [{ name: 'one', train: { epochs: 2 } }, { name: 'two' }],
    });
    expect(mergePatch(stages, { stages: { one: null } }, 'test')).toEqual({ stages: [{ name: 'two' }] });
  });

  it('refuses a name that is not there', () => {
    expect(() => mergePatch(stages, { stages: { three: null } }, 'a.json')).toThrow(/a\.json.*"three".*only one, two/);
  });
});

const base = {
  name: 'tiny',
  data: {
    kind: 'mnist',
    train: { images: 'a', labels: 'b' },
    test: { images: 'a', labels: 'b' },
    validation: 20,
    normalise: { mean: [0.1], deviation: [0.3] },
  },
  batch: 20,
  stages: [
    { name: 'attention', change: { kind: 'attention' }, train: { epochs: 2 } },
    { name: 'norms', change: { kind: 'freeze-norms' }, train: { epochs: 1 } },
  ],
};
const ablation = (variants: readonly unknown[], more: Record<string, unknown> = {}) =>
  parseAblation({ name: 'a', conversion: 'c.json', model: 'm', seeds: [1], variants, ...more }, 'a.json');
const variant = (name: string, patch: Json) => ({ name, axis: 'x', description: 'd', patch });

describe('the recipe of a cell', () => {
  it('is the base with the common patch, the variant, the seed, the share of epochs and the limit', () => {
    const plan = ablation([variant('no-norms', { stages: { norms: null }, calibration: 64 })], {
      common: { stages: { attention: { train: { epochs: 4 } } }, calibration: 32 },
      trainingShare: 0.5,
      limit: 40,
    });
    const cell = cellRecipe(plan, base, plan.variants[0]!, 7);
    expect(cell).toMatchObject({ seed: 7, calibration: 64, data: { limit: 40 } });
    expect(cell.stages.map(({ name, train }) => [name, train?.epochs])).toEqual([['attention', 2]]);
  });

  it('names the variant whose patch makes no recipe', () => {
    const plan = ablation([variant('broken', { batch: -1 })]);
    expect(() => cellRecipe(plan, base, plan.variants[0]!, 1)).toThrow(/variant "broken"[\s\S]*batch/);
  });

  it('refuses two variants of one name', () => {
    expect(() => ablation([variant('a', {}), variant('a', {})])).toThrow(ConfigError);
  });
});
