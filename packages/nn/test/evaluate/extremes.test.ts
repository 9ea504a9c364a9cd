import { describe, expect, it } from 'vitest';
import { recordExtremes } from '../../src/evaluate/extremes.ts';
import { InferenceModel } from '../../src/evaluate/inference.ts';
import { recordRanges } from '../../src/evaluate/ranges.ts';
import { Program } from '../../src/onnx/program.ts';
import { Session } from '../../src/onnx/session.ts';
import { perExampleExtremes } from '../../src/ops/index.ts';
import { config, count, images, odd, weights } from './support.ts';

describe('recordExtremes', () => {
  it("gives each example's largest and smallest value at every site, in batches that do not divide the count", async () => {
    const sites = await recordExtremes(config, weights, images(), { limit: count, batch: 3 });
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
      const values = await inference.run(images().feeds(example, 1));
      for (const { name, exampleMax, exampleMin } of sites) {
        expect(exampleMax[example]).toBeCloseTo(Math.max(...values[name]!), 4);
        expect(exampleMin[example]).toBeCloseTo(Math.min(...values[name]!), 4);
      }
    }
    await inference.close();
    const { exampleMax } = sites.find(({ name }) => name === 'layers.0.norm1.variance')!;
    expect(exampleMax[odd]).toBeGreaterThan(5 * exampleMax[odd + 1]!);
  });

  it('is what recordRanges says of the examples', async () => {
    const sites = await recordExtremes(config, weights, images(), { limit: count });
    const ranges = await recordRanges(config, weights, images(), { limit: count });
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
