// Figures and targets of an encrypted evaluation on made-up answers, and which examples are chosen.
import { describe, expect, it } from 'vitest';
import { windowExamples } from '../../src/evaluate/examples.ts';
import { type EvaluationFacts, type ExampleResult, type Summary, summarise } from '../../src/evaluate/result.ts';
import { selectExamples } from '../../src/evaluate/selection.ts';
import { compareWithTargets } from '../../src/evaluate/targets.ts';

// Mean 0 and standard deviation 1, so that differences are at unit spread as they stand.
const clear = [1, -1, 1, -1];
const shifted = (by: number) => clear.map((value, k) => value + (k % 2 === 0 ? by : -by));

interface Made {
  readonly trusted?: boolean;
  readonly outside?: boolean;
  readonly label?: number;
  readonly encrypted?: readonly number[];
  readonly cpuSeconds?: number;
}

function example({ trusted = true, outside = false, label = 0, encrypted = shifted(2 ** -10), cpuSeconds = 10 }: Made = {}): ExampleResult {
  return {
    ...{ index: 0, label, original: [0, 0, 3, 0], polynomial: clear, simulated: shifted(2 ** -9), outside },
    encrypted: {
      ...{ logits: encrypted, trusted, wallSeconds: 7, cpuSeconds, systemSeconds: 1, predictedCpuSeconds: 9, peakRssBytes: 5 },
    },
  };
} // biome-ignore format: short

const facts = { keyBytes: { predicted: 100, measured: 100 } } as EvaluationFacts;

describe('the summary', () => {
  it('counts right and flagged answers, and measures noise in bits by output', () => {
    // The noise puts logit 2 before logit 0: wrong for label 0, right for label 2.
    const noisy = clear.map((value, k) => value + (k < 2 ? 2 ** -10 : 2 ** -6));
    const summary = summarise(
      [
        example({ encrypted: noisy }),
        example({ label: 2, encrypted: noisy }),
        example({ trusted: false, outside: true, encrypted: [9, 0, 0, 0] }),
        example({ trusted: false, encrypted: [9, 0, 0, 0] }),
      ],
      [2, 2],
    );
    expect(summary.right).toEqual({ original: 1, polynomial: 3, simulated: 3, encrypted: 1 });
    expect([summary.flagged, summary.falseAlarms, summary.agree]).toEqual([2, 1, 0]);
    expect(summary.worstDifference).toBeCloseTo(2 ** -6, 12);
    expect(summary.noiseBits.map(({ simulated, measured }) => [simulated, measured])).toEqual([
      [expect.closeTo(9, 9), expect.closeTo(10, 9)],
      [expect.closeTo(9, 9), expect.closeTo(6, 9)],
    ]);
  });

  it('gives medians of time', () => {
    const summary = summarise(
      [9, 12, 30].map((cpuSeconds) => example({ cpuSeconds })),
      [4],
    );
    expect([summary.cpuSeconds, summary.predictedCpuSeconds, summary.cpuRatio]).toEqual([12, 9, 0.75]);
    expect(
      summarise(
        [9, 12].map((cpuSeconds) => example({ cpuSeconds })),
        [4],
      ).cpuSeconds,
    ).toBe(10.5);
  });
});

describe('the targets', () => {
  const good = summarise([example(), example()], [4]);
  const missed = (summary: Partial<Summary>, other = facts) =>
    compareWithTargets({ ...good, ...summary }, other).filter(({ met }) => !met).map(({ name }) => name); // biome-ignore format: short

  it('are met by good figures, and each falls short by itself', () => {
    expect(missed({})).toEqual([]);
    expect(missed({ agree: 1 })).toEqual(['largest logit as in clear']);
    expect(missed({ worstDifference: 0.011 })).toEqual(['largest difference at unit spread']);
    expect(missed({ worstDifference: Number.NaN })).toEqual(['largest difference at unit spread']);
    expect(missed({ flagged: 1, agree: 1, falseAlarms: 1 })).toEqual(['flagged without cause in clear']);
    expect(missed({ flagged: 1, agree: 1 })).toEqual([]);
    const bits = [{ output: 0, simulated: 15, measured: 11.9 }];
    expect(missed({ noiseBits: bits })).toEqual(['simulated and measured noise']);
    for (const cpuRatio of [0.74, 1.26]) expect(missed({ cpuRatio })).toEqual(['predicted processor time']);
    expect(missed({}, { ...facts, keyBytes: { predicted: 100, measured: 101 } })).toEqual(['bytes of the keys']);
  });

  it('are not met where no answer was trusted', () => {
    const targets = compareWithTargets(summarise([example({ trusted: false, outside: true })], [4]), facts);
    expect(targets.filter(({ measured }) => measured === 'no trusted answer').every(({ met }) => !met)).toBe(true);
    expect(targets[0]!.met).toBe(false);
  });
});

describe('the choice of examples', () => {
  const labels = [0, 0, 0, 0, 0, 0, 1, 1, 2, 0];
  const spread = { order: 'spread', seed: 1, offset: 0 } as const;

  it('takes classes in turn, every example once, more examples at the end', () => {
    const all = selectExamples(labels, labels.length, spread);
    expect([...all].sort((a, b) => a - b)).toEqual([...labels.keys()]);
    expect(all.map((i) => labels[i])).toEqual([0, 1, 2, 0, 1, 0, 0, 0, 0, 0]);
    expect(selectExamples(labels, 4, spread)).toEqual(all.slice(0, 4));
    expect(selectExamples(labels, 3, { ...spread, offset: 2 })).toEqual(all.slice(2, 5));
    expect(selectExamples(labels, labels.length, { ...spread, seed: 2 })).not.toEqual(all);
  });

  it('takes them as they lie in the file where that is asked', () => {
    expect(selectExamples(labels, 3, { order: 'file', seed: 1, offset: 4 })).toEqual([4, 5, 6]);
  });
});

it('windows do not overlap or run over the end of a stream, and a token follows each', () => {
  const streams = [Int32Array.from([1, 2, 3, 4, 5, 6]), Int32Array.from([7, 8, 9]), Int32Array.from([10, 11])];
  const windows = windowExamples({ streams }, 2);
  const found = Array.from({ length: windows.count }, (_, w) => [windows.input(w), windows.label(w)]);
  expect(found).toEqual([
    [{ ids: [1, 2] }, 3],
    [{ ids: [3, 4] }, 5],
    [{ ids: [7, 8] }, 9],
  ]);
  expect(windows.feeds(1).ids).toEqual(BigInt64Array.from([3n, 4n]));
});
