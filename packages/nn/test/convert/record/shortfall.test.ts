import { describe, expect, it } from 'vitest';
import { accuracyLost, shareOf } from '../../../src/convert/record/evidence.ts';
import { packBits } from '../../../src/convert/record/outcomes.ts';
import { comparePaired } from '../../../src/convert/record/paired.ts';
import { conversionFormat, type MeasuredConversion } from '../../../src/convert/record/record.ts';
import { promised, shortfalls, undecided } from '../../../src/convert/record/shortfall.ts';
import { recipe } from '../support.ts';

const stages = [
  { name: 'attention', change: { kind: 'attention' } },
  { name: 'norms', change: { kind: 'freeze-norms' } },
  { name: 'polynomial', change: { kind: 'substitute' } },
  { name: 'steady' },
];

/** A conversion whose stages, the original first, have these figures on validation, the last but one unfinished. */
function made(figure: string, validation: readonly number[], test: readonly [number, number]): MeasuredConversion {
  const names = ['original', ...stages.map(({ name }) => name)];
  const row = { change: '', steps: 0, seconds: 0, rollbacks: 0, figure, curve: [], sites: [] };
  const rows = validation.map((value, i) => {
    const read = i === 0 ? test[0] : i === validation.length - 1 ? test[1] : undefined;
    return {
      ...row,
      ...{ name: names[i]!, complete: true, validation: { [figure]: value } },
      ...(read === undefined ? {} : { test: { [figure]: read } }),
    };
  });
  const none = { examples: 1000, any: 0, sites: {} };
  return {
    format: conversionFormat,
    ...{ name: 'model', recipe: recipe(stages), machine: '', parameters: 1, levels: {}, seconds: 0 },
    stages: [...rows.slice(0, 2), { ...rows[1]!, name: 'norms/layers.0.norm1', complete: false }, ...rows.slice(2)],
    outOfRange: { validation: none, test: none },
  };
}

describe('what a conversion falls short by', () => {
  it('is nothing where it keeps to what is promised', () => {
    expect(shortfalls(made('accuracy', [0.9, 0.7, 0.8, 0.85, 0.9], [0.9, 0.9 - promised.accuracy + 1e-9]))).toEqual([]);
    expect(shortfalls(made('natsPerCharacter', [2, 3, 2, 2, 2], [2, 2.029]))).toEqual([]);
  });

  it('names the stage that lost the most on validation, not the worst one in the middle, with its own remedy', () => {
    // Norms lose 0.05 of what attention left; the polynomials bring it back; steady loses 0.01.
    const [short, ...others] = shortfalls(made('accuracy', [0.9, 0.89, 0.84, 0.88, 0.87], [0.9, 0.86]));
    expect(others).toEqual([]);
    expect(short).toMatchObject({ what: 'accuracy', promised: promised.accuracy, stage: { name: 'norms' } });
    expect([short!.measured, short!.stage!.loss].map((x) => Number(x.toFixed(6)))).toEqual([0.04, 0.05]);
    expect(short!.advice.join()).toContain('"norms"');
    expect(short!.advice.join()).toContain('LayerNorm');
  });

  it('of a language model counts nats, upwards; advice for polynomials names degrees', () => {
    const [short] = shortfalls(made('natsPerCharacter', [2, 2.01, 2.02, 2.2, 2.1], [2, 2.1]));
    expect(short).toMatchObject({ what: 'natsPerCharacter', stage: { name: 'polynomial' } });
    expect(short!.advice.join()).toContain('degrees');
  });

  it('counts values outside, on test and on odd inputs, with the worst site', () => {
    const good = made('accuracy', [0.9, 0.9, 0.9, 0.9, 0.9], [0.9, 0.9]);
    const odd = { agree: 0, largestLogit: 1, originalLargestLogit: 1, forms: {} };
    const at = (any: number, outside: number) =>
      shortfalls({
        ...good,
        outOfRange: { ...good.outOfRange, test: { examples: 1000, any, sites: { a: 1, b: any } } },
        robustness: { ...odd, examples: 200, outside },
      });
    expect(at(1, 2)).toEqual([]);
    expect(at(6, 8)).toMatchObject([
      { what: 'outside', measured: 0.006, site: 'b' },
      { what: 'oddOutside', measured: 0.04 },
    ]);
  });
});

describe('what too few test examples leave open', () => {
  /** A classifier that its conversion made worse on some of its test examples, and better on others. */
  const paired = (examples: number, lost: number, won: number): MeasuredConversion => {
    const right = 0.8 * examples;
    const bits = (from: number, to: number) => Array.from({ length: examples }, (_, i) => i >= from && i < to);
    const [original, result] = [bits(0, right), bits(lost, right + won)];
    const kept = { kind: 'right' as const, examples, original: packBits(original), result: packBits(result) };
    const share = (right - lost + won) / examples;
    return {
      ...made('accuracy', [0.8, 0.8, 0.8, 0.8, 0.8], [0.8, share]),
      ...{ outcomes: kept, paired: comparePaired(original, result) },
    };
  };

  it('is a loss of accuracy whose interval holds the promise: 2 of 40 lost say nothing, 60 of 2,000 do', () => {
    const [few, ...others] = undecided(paired(40, 2, 0));
    expect([others, shortfalls(paired(40, 2, 0))]).toEqual([[], []]);
    expect(few).toMatchObject({ what: 'accuracy', measured: expect.closeTo(0.05, 9), evidence: { examples: 40 } });
    const [low, high] = few!.evidence.interval;
    expect([low < promised.accuracy, high > 0.1]).toEqual([true, true]);
    expect(few!.evidence.needed).toBeGreaterThan(500);
    const many = paired(2000, 60, 0);
    expect([undecided(many), shortfalls(many)]).toEqual([[], [expect.objectContaining({ what: 'accuracy' })]]);
  });

  it('is one of a few examples outside; as many of many are short', () => {
    const outside = (any: number, examples: number): MeasuredConversion => {
      const good = made('accuracy', [0.9, 0.9, 0.9, 0.9, 0.9], [0.9, 0.9]);
      return { ...good, outOfRange: { ...good.outOfRange, test: { examples, any, sites: { a: any } } } };
    };
    expect(undecided(outside(1, 300))).toMatchObject([{ what: 'outside', evidence: { examples: 300, needed: 3838 } }]);
    expect(shortfalls(outside(1, 300))).toEqual([]);
    expect([undecided(outside(30, 9000)), shortfalls(outside(30, 9000)).length]).toEqual([[], 1]);
  });

  it('is mean nats of windows that scatter', () => {
    const windows = (scatter: number): MeasuredConversion => {
      const original = Array.from({ length: 12 }, () => 200);
      const result = original.map((nats, i) => nats + 5 + (i % 2 ? scatter : -scatter));
      const kept = { kind: 'nats' as const, examples: 12, characters: 1200, original, result };
      return { ...made('natsPerCharacter', [2, 2, 2, 2, 2], [2, 2.05]), outcomes: kept };
    };
    expect([undecided(windows(20)).length, shortfalls(windows(20)).length]).toEqual([1, 0]);
    expect([undecided(windows(1)).length, shortfalls(windows(1)).length]).toEqual([0, 1]);
  });

  it('goes by intervals of the literature', () => {
    // Clopper and Pearson, 95 %: 10 of 100, and none of 20 (1 - 0.025^(1/20)).
    expect(shareOf(10, 100, 0.1).interval.map((end) => Number(end.toFixed(4)))).toEqual([0.049, 0.1762]);
    expect(shareOf(0, 20, 0.1).interval).toEqual([0, expect.closeTo(1 - 0.025 ** (1 / 20), 9)]);
    expect(shareOf(20, 20, 0.1).interval[1]).toBe(1);
    // Agresti and Min: half an example more of each of four outcomes. Without a difference the interval is not a point.
    const none = accuracyLost({ examples: 98, onlyOriginal: 0, onlyPolynomial: 0, p: 1 }, 0.01);
    expect(none.interval.map((end) => Number(end.toFixed(4)))).toEqual([-0.0196, 0.0196]);
  });
});
