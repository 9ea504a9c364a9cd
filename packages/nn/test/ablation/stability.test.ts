// What grows while small models are trained from scratch: a cell a depth and variant, kept cells not trained again.
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../model/src/errors.ts';
import { parseStability, runStability, type StabilityCell } from '../../src/ablation/stability.ts';
import { data, root } from '../convert/support.ts';

const recipe = (change: object = {}) =>
  parseStability(
    {
      name: 'tiny',
      data,
      model: { width: 8, heads: 2, mlpWidth: 16, patch: 14 },
      depths: [1, 2],
      variants: [
        { name: 'softmax', attention: 'softmax' },
        { name: 'free', attention: 'none' },
        { name: 'held', attention: 'none', range: 10, limit: 0.2 },
      ],
      training: { epochs: 3, batch: 16, learningRate: 0.01 },
      every: 4,
      examples: 32,
      ...change,
    },
    'here',
  );

describe('stability', () => {
  it('is watched at every depth, and ranges are smaller where they are penalised', async () => {
    const seen: StabilityCell[] = [];
    const cells = await runStability(recipe(), { dataRoot: root, onCell: (cell) => seen.push(cell) });
    expect(cells).toEqual(seen);
    expect(cells.map(({ depth, variant }) => `${depth} ${variant}`)).toEqual([
      ...['1 softmax', '1 free', '1 held', '2 softmax', '2 free', '2 held'],
    ]);
    for (const { points, accuracy, diverged } of cells) {
      expect(points.map(({ step }) => step)).toEqual([4, 8, 12]);
      expect(points.every(({ weight, activation, variance }) => weight > 0 && activation > 0 && variance > 0)).toBe(
        true,
      );
      expect([diverged, accuracy! >= 0 && accuracy! <= 1]).toEqual([undefined, true]);
    }
    const last = (name: string) => cells.find(({ depth, variant }) => depth === 2 && variant === name)!.points.at(-1)!;
    expect(last('held').activation).toBeLessThan(last('free').activation);
    const again: StabilityCell[] = [];
    const options = { dataRoot: root, known: cells.slice(0, 5), onCell: (cell: StabilityCell) => again.push(cell) };
    expect(await runStability(recipe(), options)).toEqual(cells);
    expect(again).toEqual(cells.slice(5));
  });

  it('tells where a training diverged', async () => {
    const wild = { epochs: 3, batch: 16, learningRate: 1e30, clipNorm: 1e30, warmup: 0 };
    const [cell] = await runStability(recipe({ depths: [1], variants: [{ name: 'wild', attention: 'none' }], training: wild }), { dataRoot: root }); // biome-ignore format: short
    expect(cell!.accuracy).toBe(undefined);
    expect(cell!.diverged).toBeGreaterThan(0);
  });

  it('refuses what is no recipe', () => {
    expect(() => recipe({ depths: [] })).toThrow(ConfigError);
    expect(() => recipe({ variants: [{ name: 'a', attention: 'other' }] })).toThrow(/variants/);
  });
});
