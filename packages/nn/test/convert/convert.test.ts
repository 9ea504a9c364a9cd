import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../../model/src/errors.ts';
import { loadPolynomialModel } from '../../../model/src/files/folder.ts';
import { readSafetensors } from '../../../model/src/files.ts';
import { evaluate } from '../../../model/src/graph/evaluate.ts';
import { prepareInput } from '../../../model/src/inputs/prepare-input.ts';
import type { Model } from '../../src/checkpoints/model-folder.ts';
import { convert } from '../../src/convert/convert.ts';
import { modelCardOf } from '../../src/convert/record/measure.ts';
import type { MeasuredConversion } from '../../src/convert/record/record.ts';
import { estimateConversion } from '../../src/convert/stages/estimate.ts';
import { planConversion } from '../../src/convert/stages/plan.ts';
import type { Conversion } from '../../src/convert/training/conversion.ts';
import { CalibrationError } from '../../src/errors.ts';
import { config, data, loadData, recipe, root, trainedWeights } from './support.ts';

const folder = mkdtempSync(join(tmpdir(), 'convert-'));
afterAll(() => rmSync(folder, { recursive: true }));

const train = (epochs: number, losses: Record<string, number> = {}) => ({
  epochs,
  learningRate: 2e-3,
  averageDecay: 0.9,
  losses: { range: 5, ...losses },
});
const stages = [
  { name: 'attention', change: { kind: 'attention' }, train: train(10) },
  { name: 'norms', change: { kind: 'freeze-norms' }, train: train(10, { variance: 0.1 }) },
  { name: 'polynomial', change: { kind: 'substitute', attention: [2], mlp: [2, 3] }, train: train(40) },
];
const tiny = recipe(stages);
const original = async (): Promise<Model> => ({
  config,
  weights: await trainedWeights(),
  preprocess: { normalise: { mean: [0.1307], deviation: [0.3081] } },
});
const options = (name: string) => ({ dataRoot: root, out: join(folder, name), modelName: 'tiny' });
const valuesOf = (model: Model) => [...model.weights].map(([name, { data: values }]) => [name, [...values]]);

describe('a conversion', () => {
  it('makes a polynomial model that still answers, with a record of every stage', async () => {
    const measuring: number[][] = [];
    const { record, model } = await convert(await original(), tiny, {
      ...options('straight'),
      progress: ({ what, done, total }) => what === 'measuring' && measuring.push([done, total]),
    });
    // Intervals, a test for each of four rows, ranges twice, single examples, the graph.
    expect(measuring).toEqual(Array.from({ length: 10 }, (_, done) => [done, 9]));
    const names = record!.stages.filter(({ complete }) => complete).map(({ name }) => name);
    expect(names).toEqual(['original', 'attention', 'norms/norm', 'polynomial']);
    const accuracy = record!.stages.map(({ test }) => test?.accuracy);
    // The test images are the training images here: both models know them, chance is 0.1.
    expect(accuracy[0]).toBeGreaterThan(0.7);
    expect(accuracy.at(-1)).toBeGreaterThan(accuracy[0]! - 0.1);
    expect(record!.outOfRange.test.examples).toBe(100);
    // Projections, scores, attend, output, up and down take a level each; the polynomials their own.
    for (const { name, levels } of record!.exported.levels.parts) {
      if (name.startsWith('layers.')) expect(levels).toBe(6 + record!.levels[name]!);
    }
    expect(record!.exported.logitDifference).toBeLessThan(1e-3);
    expect(model.config.overrides['layers.0.mlp.activation']).toMatchObject({ kind: 'polynomial', clamp: false });
    const polynomial = loadPolynomialModel(join(folder, 'straight'));
    // The original was made without a limit of contrast; what comes out is for data as the conversion prepared it.
    expect(polynomial.preprocess).toMatchObject({ normalise: data.normalise });
    expect(model.preprocess.normalise).toEqual(data.normalise);
    const logits = evaluate(polynomial.graph, prepareInput(polynomial, { pixels: new Uint8Array(784) }));
    expect(logits.every(Number.isFinite)).toBe(true);
    const site = record!.stages.at(-1)!.sites.find(({ name }) => name === 'layers.0.attention.activation')!;
    expect(site.polynomial).toMatchObject({ degree: 2, levels: 1 });
  }, 60_000);

  it('interrupted and resumed ends with the same weights', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    let events = 0;
    const first = convert(await original(), tiny, {
      ...options('halves'),
      signal: stop.signal,
      progress: ({ what: part }) => {
        if (part === 'polynomial' && ++events === 2) stop.abort(reason);
      },
    });
    await expect(first).rejects.toBe(reason);
    // The names in a checkpoint are those of earlier versions, whose conversions go on here.
    const { metadata } = readSafetensors(join(folder, 'halves', 'checkpoint.safetensors'));
    expect(metadata.piece).toBe('polynomial');
    expect(Object.keys(JSON.parse(metadata.progress!))).toEqual(['step', 'monitor', 'curve', 'seconds']);
    const second = await convert(await original(), tiny, options('halves'));
    const straight = await convert(await original(), tiny, options('straight'));
    expect(valuesOf(second.model)).toEqual(valuesOf(straight.model));
    const curve = (name: string) =>
      JSON.parse(readFileSync(join(folder, name, 'conversion.json'), 'utf8')).stages.at(-1).curve;
    expect(curve('halves')).toEqual(curve('straight'));
  }, 60_000);

  it('interrupted while it is measured, it leaves no record, and measures again', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const first = convert(await original(), tiny, {
      ...options('measured'),
      signal: stop.signal,
      progress: ({ what, done }) => what === 'measuring' && done === 3 && stop.abort(reason),
    });
    await expect(first).rejects.toBe(reason);
    expect(existsSync(join(folder, 'measured', 'conversion.json'))).toBe(false);
    const steps: string[] = [];
    const second = await convert(await original(), tiny, {
      ...options('measured'),
      progress: ({ what }) => steps.push(what),
    });
    expect(new Set(steps)).toEqual(new Set(['measuring']));
    expect(second.record).toBeDefined();
  }, 60_000);

  it('a recipe with stages added goes on from what is there, and ends with the same weights', async () => {
    await convert(await original(), recipe(stages.slice(0, 2)), { ...options('grown'), endsOnly: true });
    const started: string[] = [];
    const grown = await convert(await original(), tiny, {
      ...options('grown'),
      onStage: ({ name }) => started.push(name),
    });
    expect(started).toEqual(['polynomial']);
    const straight = await convert(await original(), tiny, options('straight'));
    expect(valuesOf(grown.model)).toEqual(valuesOf(straight.model));
    const shorter = convert(await original(), recipe(stages.slice(0, 2)), options('grown'));
    await expect(shorter).rejects.toThrow(ConfigError);
  }, 60_000);

  it('a stage that exploded on the way is left out of the model card', async () => {
    const { measured, model } = await convert(await original(), tiny, options('straight'));
    const conversion = { recipe: tiny, original: await original() } as Conversion;
    const metrics = (stages: MeasuredConversion['stages']) =>
      modelCardOf(conversion, model, { ...measured!, stages }).stages?.map(({ stage, metric }) => `${stage} ${metric}`);
    const all = metrics(measured!.stages)!;
    expect(all).toContain('norms accuracy, validation');
    const exploded = measured!.stages.map((row) => (row.name.startsWith('norms') ? { ...row, validation: {} } : row));
    expect(metrics(exploded)).toEqual(all.filter((name) => name !== 'norms accuracy, validation'));
  }, 60_000);

  it('refuses a folder of another recipe', async () => {
    const [first, ...others] = stages;
    const other = recipe([{ ...first, train: train(11) }, ...others]);
    await expect(convert(await original(), other, options('straight'))).rejects.toThrow(ConfigError);
  });

  it('refuses too little calibration data and models it has no form for', async () => {
    const little = recipe(stages, { calibration: 10 });
    await expect(convert(await original(), little, options('little'))).rejects.toThrow(CalibrationError);
    const small = recipe(stages, { data: { ...data, validation: 80 } });
    await expect(convert(await original(), small, options('small'))).rejects.toThrow(/20 examples/);
    const uniform = {
      ...(await original()),
      config: { ...config, attention: { ...config.attention, kind: 'uniform' } },
    } as const;
    await expect(convert(uniform, tiny, options('uniform'))).rejects.toThrow(/attention.*softmax/);
  });

  it('may go layer by layer, and then leaves no activation behind', async () => {
    const layered = recipe([
      stages[0],
      { ...stages[1], train: train(5) },
      { name: 'layers', change: { kind: 'substitute', order: 'by-layer' }, train: train(5) },
    ]);
    const deep = { ...config, layers: 2 };
    const items = planConversion(layered, deep, await loadData());
    expect(items.map(({ name }) => name).slice(-2)).toEqual(['layers/layers.0', 'layers/layers.1']);
    expect(items.filter(({ last }) => last)).toHaveLength(3);
    const { record } = await convert(await original(), layered, options('layered'));
    expect(Object.keys(record!.levels)).toEqual(['layers.0']);
  });

  it('is planned with steps, time and levels', async () => {
    const plan = await estimateConversion(await original(), tiny, { dataRoot: root });
    expect(plan.parts.map(({ steps }) => steps)).toEqual([40, 40, 40, 40, 160]);
    expect(plan.seconds).toBeGreaterThan(0);
    expect(plan.levelsPerLayer).toEqual({ fewest: 2, most: 3 });
  });
});
