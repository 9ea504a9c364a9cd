import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../../../model/src/errors.ts';
import type { Model } from '../../../src/checkpoints/model-folder.ts';
import { convert } from '../../../src/convert/convert.ts';
import { packBits, unpackBits } from '../../../src/convert/record/outcomes.ts';
import { withoutChanges } from '../../../src/convert/stages/control.ts';
import { planConversion } from '../../../src/convert/stages/plan.ts';
import { config, loadData, recipe, root, trainedWeights } from '../support.ts';

const folder = mkdtempSync(join(tmpdir(), 'control-'));
afterAll(() => rmSync(folder, { recursive: true }));

const train = { epochs: 5, learningRate: 2e-3, averageDecay: 0.9, clamp: 1, losses: { range: 50, variance: 5 } };
const tiny = recipe([
  { name: 'attention', change: { kind: 'attention' }, train },
  { name: 'norms', change: { kind: 'freeze-norms' }, train },
  { name: 'polynomial', change: { kind: 'substitute' }, train },
]);
const original = async (): Promise<Model> => ({ config, weights: await trainedWeights(), preprocess: {} });
const options = (name: string) => ({ dataRoot: root, out: join(folder, name), modelName: 'tiny', control: true });
const valuesOf = (model: Model) => [...model.weights].map(([name, { data }]) => [name, [...data]]);

describe('a control', () => {
  it('has the steps and batches of the conversion, and none of its changes', async () => {
    const plan = planConversion(tiny, config, await loadData());
    const control = withoutChanges(plan);
    const schedule = (items: typeof plan) =>
      items.map(({ name, steps, firstBatch, last }) => [name, steps, firstBatch, last]);
    expect(schedule(control)).toEqual(schedule(plan));
    for (const { stage, norms } of control) {
      expect(stage.change).toBeUndefined();
      expect(norms).toEqual([]);
      expect(stage.train).toMatchObject({ learningRate: 2e-3, averageDecay: 0.9, losses: { range: 0, variance: 0 } });
      expect(stage.train).not.toHaveProperty('clamp');
    }
  });

  it('trains the original on and writes a record without a polynomial model', async () => {
    let progress: number[] = [];
    const { record, measured, model } = await convert(await original(), tiny, {
      ...options('straight'),
      progress: ({ what, done, total }) => {
        if (what === 'measuring') progress = [done, total];
      },
    });
    expect(progress[0]).toBe(progress[1]);
    expect(record).toBeUndefined();
    expect(model.config).toEqual(config);
    expect(valuesOf(model)).not.toEqual(valuesOf(await original()));
    const steps = measured!.stages.reduce((sum, row) => sum + row.steps, 0);
    expect(steps).toBe(5 * 4 * 5);
    expect(measured).toMatchObject({ control: true, levels: {}, outOfRange: { test: { examples: 0 } } });
    expect(measured!.paired).toBeUndefined();
    // The terms of a control's loss are those that do not ask for polynomials.
    expect(Object.keys(measured!.stages.at(-1)!.curve[0]!.terms).sort()).toEqual(['distillation', 'features', 'task']);
    expect(existsSync(join(folder, 'straight', 'polynomial.json'))).toBe(false);
    const stored = JSON.parse(readFileSync(join(folder, 'straight', 'conversion.json'), 'utf8'));
    expect(stored.outcomes).toMatchObject({ kind: 'right', examples: 100 });
    const { accuracy } = stored.stages.at(-1).test;
    expect(unpackBits(stored.outcomes.result, 100).filter(Boolean)).toHaveLength(Math.round(100 * accuracy));
  }, 60_000);

  it('interrupted and resumed ends with the same weights', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const first = convert(await original(), tiny, {
      ...options('halves'),
      signal: stop.signal,
      progress: ({ what: part }) => {
        if (part === 'norms/layers.0.norm2') stop.abort(reason);
      },
    });
    await expect(first).rejects.toBe(reason);
    const second = await convert(await original(), tiny, options('halves'));
    const straight = await convert(await original(), tiny, options('straight'));
    expect(valuesOf(second.model)).toEqual(valuesOf(straight.model));
  }, 60_000);

  it('does not go on in the folder of a conversion', async () => {
    const conversion = { ...options('straight'), control: false };
    await expect(convert(await original(), tiny, conversion)).rejects.toThrow(ConfigError);
  });
});

describe('outcomes', () => {
  it('keep their bits, lowest first', () => {
    const bits = [...'101100001'].map((bit) => bit === '1');
    expect([...Buffer.from(packBits(bits), 'base64')]).toEqual([0b00001101, 1]);
    expect(unpackBits(packBits(bits), 9)).toEqual(bits);
  });
});
