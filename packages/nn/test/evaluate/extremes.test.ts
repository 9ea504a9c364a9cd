import { describe, expect, it } from 'vitest';
import { Program } from '../../src/graph/program.ts';
import { Session } from '../../src/graph/session.ts';
import {
  InferenceModel,
  imageEvaluation,
  initialWeights,
  recordExtremes,
  recordRanges,
  vitConfig,
} from '../../src/index.ts';
import { perExampleExtremes } from '../../src/ops/index.ts';

const config = vitConfig({
  image: { channels: 1, height: 4, width: 4 },
  classes: 2,
  patch: 2,
  width: 8,
  layers: 2,
  heads: 2,
  mlpWidth: 8,
  pool: 'mean',
});
const weights = initialWeights(config, 3);
const count = 11;
const pixels = Uint8Array.from({ length: 16 * count }, (_, i) => (i * 53) % 251);
const images = imageEvaluation(
  { channels: 1, height: 4, width: 4, count, pixels, labels: new Uint8Array(count) },
  { mean: [0.5], deviation: [0.2] },
  2,
);

describe('recordExtremes', () => {
  it("gives each example's largest and smallest value at every site, in batches that do not divide the count", async () => {
    const sites = await recordExtremes(config, weights, images, { limit: count, batch: 4 });
    const names: string[] = [];
    const inference = await InferenceModel.create(config, weights, {
      batch: 1,
      outputs: ({ sites: all }) => {
        names.push(...all.map(({ name }) => name));
        return Object.fromEntries(all.map(({ name, tensor }) => [name, tensor]));
      },
    });
    expect(sites.map(({ name }) => name)).toEqual(names);
    for (let example = 0; example < count; example++) {
      const values = await inference.run(images.feeds(example, 1));
      for (const { name, exampleMax, exampleMin } of sites) {
        expect(exampleMax[example]).toBeCloseTo(Math.max(...values[name]!), 4);
        expect(exampleMin[example]).toBeCloseTo(Math.min(...values[name]!), 4);
      }
    }
    await inference.close();
    expect(new Set(sites[0]!.exampleMax).size).toBe(count);
  });

  it('is what recordRanges says of the examples', async () => {
    const sites = await recordExtremes(config, weights, images, { limit: count });
    const ranges = await recordRanges(config, weights, images, { limit: count });
    expect(ranges.map(({ name, kind, exampleMax, exampleMin }) => ({ name, kind, exampleMax, exampleMin }))).toEqual(
      sites,
    );
  });
});

describe('perExampleExtremes', () => {
  const run = async (values: readonly number[], shape: readonly number[], include?: readonly number[]) => {
    const program = new Program();
    const x = program.input('x', shape);
    const mask = include && program.constant(Float32Array.from(include), shape.slice(1), 'include');
    const session = await Session.compile(program, perExampleExtremes(x, mask), { threads: 1 });
    const { high, low } = await session.run({ x: Float32Array.from(values) });
    const result = { high: [...(high as Float32Array)], low: [...(low as Float32Array)] };
    await session.close();
    return result;
  };

  it('passes over NaN, not over infinity', async () => {
    const values = [NaN, 3, -2, 1, -Infinity, Infinity, NaN, 0, NaN, NaN, NaN, NaN];
    expect(await run(values, [3, 2, 2])).toEqual({ high: [3, Infinity, -Infinity], low: [-2, -Infinity, Infinity] });
  });

  it('leaves out what does not count', async () => {
    expect(await run([9, 1, 2, -9, 5, 6, 7, 8], [2, 2, 2], [0, 1, 1, 0])).toEqual({ high: [2, 7], low: [1, 6] });
  });
});
