import { describe, expect, it } from 'vitest';
import { agreementFigure, compareAnswers, saysTheSame } from '../../src/evaluate/agreement.ts';

const rows = (...values: number[][]) => values.map((row) => Float64Array.from(row));

describe('how near answers are to those of the original', () => {
  it('counts labels, each held by a logit above 0, and F1 over those that either holds', () => {
    const asked = { kind: 'labels', outputs: 3 } as const;
    const wanted = rows([1, -1, -1], [2, 3, -1]);
    // One of six decisions differs: the second example lacks its second label.
    const { agreement, f1, loss } = compareAnswers(asked, wanted, rows([4, -2, -9], [1, -1, -1]));
    expect([agreement, f1, loss]).toEqual([expect.closeTo(5 / 6, 12), expect.closeTo((1 + 0) / 2, 12), expect.closeTo(1 / 6, 12)]);
    expect(compareAnswers(asked, rows([-1, -1, -1]), rows([-2, -1, -5]))).toMatchObject({ agreement: 1, f1: 1 });
  }); // biome-ignore format: a line

  it('counts tokens by the class that is largest', () => {
    const asked = { kind: 'token-classes', outputs: 2 } as const;
    const wanted = rows([3, 1, 0, 5, 2, 1], [1, 0]);
    const got = rows([9, 0, 1, 0, 3, 2], [5, 4]);
    const { agreement, f1 } = compareAnswers(asked, wanted, got);
    // Classes 0 1 0 | 0 and 0 0 0 | 0: class 0 has F1 6/7, class 1 none.
    expect([agreement, f1]).toEqual([0.75, expect.closeTo(3 / 7, 12)]);
    expect([saysTheSame(asked, wanted[0]!, got[0]!, 1), saysTheSame(asked, wanted[1]!, got[1]!, 1)]).toEqual([false, true]);
  }); // biome-ignore format: a line

  it('correlates numbers, whatever their scale, and gives the squared error as it is', () => {
    const asked = { kind: 'numbers', outputs: 1 } as const;
    const wanted = rows([1], [2], [3]);
    const { correlation, meanSquaredError, loss } = compareAnswers(asked, wanted, rows([12], [14], [16]));
    expect([correlation, meanSquaredError, loss]).toEqual([expect.closeTo(1, 12), expect.closeTo((121 + 144 + 169) / 3, 9), expect.closeTo(434 / 2, 9)]);
    expect([saysTheSame(asked, wanted[0]!, rows([1.05])[0]!, 1), saysTheSame(asked, wanted[0]!, rows([1.2])[0]!, 1)]).toEqual([true, false]);
  }); // biome-ignore format: a line

  it('is compared by figures that rise', () => {
    expect((['labels', 'token-classes', 'numbers', 'embedding'] as const).map(agreementFigure)).toEqual(['agreement', 'agreement', 'correlation', 'cosine']);
  }); // biome-ignore format: a line
});
