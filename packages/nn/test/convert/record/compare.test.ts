import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../../model/src/errors.ts';
import { compareConversions } from '../../../src/convert/record/compare.ts';
import { packBits, type TestOutcomes } from '../../../src/convert/record/outcomes.ts';
import { bootstrapInterval, comparePaired, signFlipP } from '../../../src/convert/record/paired.ts';
import { conversionFormat, type MeasuredConversion } from '../../../src/convert/record/record.ts';
import { recipe } from '../support.ts';

const bits = (text: string) => [...text].map((c) => c === '1');

function record(seed: number, outcomes: TestOutcomes | undefined, more: Partial<MeasuredConversion> = {}) {
  const figure = outcomes?.kind === 'nats' ? 'natsPerCharacter' : 'accuracy';
  const row = { name: 'original', change: '', complete: true, steps: 0, seconds: 0, rollbacks: 0 };
  const made: MeasuredConversion = {
    format: conversionFormat,
    name: 'model',
    recipe: { ...recipe([{ name: 'none' }]), seed },
    machine: '',
    parameters: 1,
    stages: [{ ...row, figure, validation: {}, curve: [], sites: [] }],
    levels: {},
    outOfRange: { validation: { examples: 0, any: 0, sites: {} }, test: { examples: 500, any: 1, sites: {} } },
    ...(outcomes ? { outcomes } : {}),
    seconds: 0,
    ...more,
  };
  return made;
}

const right = (original: string, result: string): TestOutcomes => ({
  kind: 'right',
  examples: original.length,
  original: packBits(bits(original)),
  result: packBits(bits(result)),
});

describe('the paired comparison', () => {
  it("is McNemar's exact test", () => {
    // 8 differ, 1 the one way and 7 the other: p = 2 (1 + 8) / 256.
    const result = comparePaired(bits('1111111101'), bits('0000000111'));
    expect(result).toMatchObject({ onlyOriginal: 7, onlyPolynomial: 1 });
    expect(result.p).toBeCloseTo(18 / 256, 10);
    expect(comparePaired(bits('101'), bits('101')).p).toBe(1);
  });

  it("flips signs to McNemar's p where the differences are of one size", () => {
    const differences = Float64Array.from([...Array(92).fill(0), 1, -1, -1, -1, -1, -1, -1, -1]);
    expect(signFlipP(differences)).toBeCloseTo(18 / 256, 2);
    expect(signFlipP(new Float64Array(10))).toBe(1);
  });

  it('resamples to the interval of the normal distribution where there is much to resample', () => {
    // Mean 0.1, variance of one difference 0.3 - 0.01; the standard error of 2,000 is 0.01204.
    const differences = Float64Array.from({ length: 2000 }, (_, i) => (i % 10 < 2 ? 1 : i % 10 < 3 ? -1 : 0));
    const [low, high] = bootstrapInterval(differences);
    // A 2.5 % quantile of 10,000 draws has a standard error of 0.0003.
    expect(Math.abs(low - (0.1 - 1.96 * 0.01204))).toBeLessThan(0.0012);
    expect(Math.abs(high - (0.1 + 1.96 * 0.01204))).toBeLessThan(0.0012);
    expect(bootstrapInterval(differences)).toEqual([low, high]);
  });
});

describe('a comparison of conversions', () => {
  const original = '1111100000';
  const conversions = [record(2, right(original, '1111111100')), record(1, right(original, '1111110000'))];
  const controls = [record(1, right(original, '1111111100'), { control: true })];

  it('sets each seed beside the original and its own control, and states the gap to the better one', () => {
    const result = compareConversions(conversions, controls);
    expect(result).toMatchObject({ figure: 'accuracy', examples: 10, original: 0.5, reference: 'continued' });
    expect(result.seeds.map(({ seed, polynomial, continued }) => [seed, polynomial, continued])).toEqual([
      [1, 0.6, 0.8],
      [2, 0.8, undefined],
    ]);
    expect(result.seeds[0]!.toContinued).toMatchObject({ onlyOriginal: 2, onlyPolynomial: 0, p: 0.5 });
    expect(result.seeds[0]!.outsidePerThousand).toBe(2);
    expect(result.toOriginal.mean).toBeCloseTo(0.2, 12);
    expect(result.toOriginal.bySeed[1]).toBeCloseTo(0.1, 12);
    // Only seed 1 has a control: the gap to it is of that seed, with McNemar's exact p.
    expect(result.toContinued!.mean).toBeCloseTo(-0.2, 12);
    expect(result.toContinued!.p).toBe(0.5);
    expect(result.toContinued!.unfavourable).toBe(result.toContinued!.low);
    expect(result.continuation!.mean).toBeCloseTo(0.3, 12);
  });

  it('takes the original as it was where training on made it no better', () => {
    const worse = record(1, right(original, '1111000000'), { control: true });
    expect(compareConversions(conversions, [worse]).reference).toBe('original');
  });

  it('compares language models by the nats of their windows; the unfavourable end is the upper one', () => {
    const nats = (result: readonly number[]): TestOutcomes => ({
      kind: 'nats',
      examples: 4,
      characters: 200,
      original: [50, 60, 70, 80],
      result,
    });
    const result = compareConversions([record(1, nats([52, 61, 73, 82]))], []);
    // 260 nats and 268 nats over 200 characters.
    expect(result.original).toBeCloseTo(1.3, 12);
    expect(result.toOriginal.mean).toBeCloseTo(0.04, 12);
    expect(result.toOriginal.unfavourable).toBe(result.toOriginal.high);
    expect(result.toOriginal.low).toBeGreaterThan(0);
    expect(result.toOriginal.p).toBeCloseTo(2 / 16, 1);
    expect(result.seeds[0]!.toOriginal).toBeUndefined();
    const exploded = record(1, nats([52, Number.NaN, 73, 82]));
    expect(() => compareConversions([exploded], [])).toThrow(/window 1 of the result/);
  });

  it('refuses what cannot be compared, and says why', () => {
    const refuse = (more: readonly MeasuredConversion[], fewer: readonly MeasuredConversion[] = []) =>
      expect(() => compareConversions([...conversions, ...more], fewer));
    refuse([record(3, right(original, original), { name: 'other' })]).toThrow(/another model/);
    const batch = { ...recipe([{ name: 'none' }], { batch: 8 }), seed: 3 };
    refuse([record(3, right(original, original), { recipe: batch })]).toThrow(/more than the seed/);
    refuse([record(3, right('1111', '1111'))]).toThrow(/test examples are others/);
    refuse([record(3, right('1111000000', original))]).toThrow(/original answers otherwise/);
    refuse([record(2, right(original, original))]).toThrow(/Two conversions have seed 2/);
    refuse([record(3, undefined)]).toThrow(/convert command again/);
    refuse([], [record(9, right(original, original), { control: true })]).toThrow(/seed 9 has no conversion/);
    expect(() => compareConversions([], controls)).toThrow(ConfigError);
  });
});
