import { describe, expect, it } from 'vitest';
import { conversionFormat, type MeasuredConversion } from '../../../src/convert/record/record.ts';
import { promised, shortfalls } from '../../../src/convert/record/shortfall.ts';
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
    expect(at(2, 3)).toMatchObject([
      { what: 'outside', measured: 0.002, site: 'b' },
      { what: 'oddOutside', measured: 0.015 },
    ]);
  });
});
