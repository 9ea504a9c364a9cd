import { describe, expect, it } from 'vitest';
import { stageTrainingSchema } from '../../../src/convert/recipe.ts';
import { planConversion } from '../../../src/convert/stages/plan.ts';
import type { Conversion } from '../../../src/convert/training/conversion.ts';
import { drawOf } from '../../../src/convert/training/draw.ts';
import { hardestFirst } from '../../../src/convert/training/hard-examples.ts';
import { parseData } from '../../../src/data/config.ts';
import * as datasets from '../../../src/data/datasets.ts';
import type { SiteExtremes } from '../../../src/evaluate/extremes.ts';
import { config, loadData, recipe, root, trainedWeights } from '../support.ts';

const extremes = (name: string, low: readonly number[], high: readonly number[]): SiteExtremes => ({
  name,
  kind: 'mlp-activation',
  exampleMin: Float32Array.from(low),
  exampleMax: Float32Array.from(high),
});

describe('examples by reach', () => {
  it('counts the distance to the limits of the worst site, on either side, in half-widths', () => {
    const sites = [
      extremes('layers.0.mlp.activation', [-1, -9, -1, 0], [1, 1, 1, 1]),
      // The middle of these limits is 10: 12 lies two half-widths above it, 9.5 half a one below.
      extremes('layers.1.mlp.activation', [10, 10, 9.5, 10], [10, 10, 10, 12]),
      extremes('layers.2.mlp.activation', [-1e9, 0, 0, 0], [0, 0, 0, 0]),
    ];
    const limits = [
      { pattern: 'layers.0.*', low: -6, high: 6 },
      { pattern: 'layers.1.*', low: 9, high: 11 },
    ];
    expect(hardestFirst(sites, limits)).toEqual([3, 1, 2, 0]);
  });

  it('puts one that explodes first, NaN at later sites or not', () => {
    const sites = [
      extremes('a', [0, -Infinity, 0, -Infinity], [0, Infinity, 3, 0]),
      extremes('b', [0, Infinity, 0, Infinity], [1, -Infinity, 0, -Infinity]),
    ];
    expect(hardestFirst(sites, [{ pattern: '*', low: -1, high: 1 }])).toEqual([1, 3, 2, 0]);
  });
});

describe('a stage with hard examples', () => {
  const conversion = async (): Promise<Conversion> => ({
    recipe: recipe([{ name: 'none' }]),
    original: {
      config,
      weights: await trainedWeights(),
      preprocess: { normalise: { mean: [0.1307], deviation: [0.3081] } },
    },
    ...(await loadData()),
    threads: 1,
    control: false,
  });
  const training = stageTrainingSchema.parse({ epochs: 1, hard: { pool: 0.05, share: 0.25 } });

  const exchangeOf = async (given: Conversion) => (await drawOf(given, given.original, training))!.exchange!;

  it('takes a share of each batch from the pool, the rest as it is due, and labels with the images', async () => {
    const given = await conversion();
    const exchange = await exchangeOf(given);
    const due = Uint32Array.from({ length: 16 }, (_, i) => i);
    const drawn = new Set<number>();
    for (let step = 0; step < 40; step++) {
      const examples = exchange(due, step);
      expect(examples.slice(0, 12)).toEqual([...due.subarray(0, 12)]);
      expect(examples).toHaveLength(16);
      for (const example of examples.slice(12)) drawn.add(example);
    }
    // A twentieth of 64 examples, rounded up.
    expect(drawn.size).toBe(4);
    expect(exchange(due, 7)).toEqual(exchange(due, 7));

    const plain = given.batches.feeds(3);
    const before = {
      images: Float32Array.from(plain.images as Float32Array),
      targets: [...(plain.targets as Float32Array)],
    };
    const first = (examples: ArrayLike<number>) => Array.from(examples, () => examples[0]!);
    const { images, targets } = given.batches.feeds(3, { exchange: first });
    expect((targets as Float32Array).subarray(150, 160)).toEqual(Float32Array.from(before.targets.slice(0, 10)));
    expect((images as Float32Array).subarray(15 * 784)).toEqual(before.images.subarray(0, 784));
  });

  it('is refused for a language model before anything is trained, as noise is for images', async () => {
    const given = await conversion();
    const plan =
      (train: Record<string, unknown>, data = given.data) =>
      () =>
        planConversion(recipe([{ name: 'last', train: { epochs: 1, ...train } }]), config, { ...given, data });
    const book = { kind: 'corpus', files: ['moby-dick-opening.txt.gz'], split: [8, 1, 1], tokens: 8, tokenizer: { kind: 'characters' } }; // biome-ignore format: one line
    const corpus = await datasets.load(parseData({ data: book }, 'test'), { root });
    expect(plan({ hard: { pool: 0.05, share: 0.25 } }, corpus)).toThrow(/Stage "last": "hard".*windows/);
    expect(plan({ hard: { pool: 0.05, share: 0.25 } })).not.toThrow();
    expect(plan({ noise: { examples: 0.5, tokens: 0.5 } })).toThrow(/Stage "last": "noise".*images/);
    expect(await drawOf(given, given.original, stageTrainingSchema.parse({ epochs: 1 }))).toBeUndefined();
  });
});
