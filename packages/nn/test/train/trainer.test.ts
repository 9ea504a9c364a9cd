import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../../model/src/errors.ts';
import { loadModel } from '../../src/checkpoints/load.ts';
import { batches } from '../../src/data/batches.ts';
import { drawingOf } from '../../src/data/config.ts';
import * as datasets from '../../src/data/datasets.ts';
import { DivergenceError } from '../../src/errors.ts';
import { evaluateModel } from '../../src/evaluate/model.ts';
import { recordRanges } from '../../src/evaluate/ranges.ts';
import { loadTokenizer } from '../../src/text/tokenizer-folder.ts';
import { assembleModel } from '../../src/train/assemble.ts';
import { taskLoss } from '../../src/train/losses.ts';
import { parseRecipe, type Recipe } from '../../src/train/recipe.ts';
import { RunFolder } from '../../src/train/run-folder.ts';
import { warmupCosine } from '../../src/train/schedule.ts';
import { type StepResult, TrainingStep } from '../../src/train/step.ts';
import { train } from '../../src/train/trainer.ts';

const root = join(import.meta.dirname, '../data');
const folder = mkdtempSync(join(tmpdir(), 'trainer-'));
afterAll(() => rmSync(folder, { recursive: true }));

const files = { images: 'mnist-100-images-idx3-ubyte.gz', labels: 'mnist-100-labels-idx1-ubyte.gz' };
const images: Recipe = parseRecipe(
  {
    name: 'tiny-vit',
    data: {
      kind: 'mnist',
      train: files,
      test: files,
      validation: 20,
      normalise: { mean: [0.1307], deviation: [0.3081] },
      augment: { shift: 1, mixup: 0.2 },
    },
    model: { preset: 'vit', width: 16, layers: 1, heads: 2, mlpWidth: 32, patch: 7 },
    training: { epochs: 4, batch: 20, learningRate: 0.005, dropout: 0.1, averageDecay: 0.9, seed: 7 },
  },
  'test',
);
const words: Recipe = parseRecipe(
  {
    name: 'tiny-lm',
    data: {
      kind: 'corpus',
      files: ['moby-dick-opening.txt.gz'],
      split: [0.9, 0.05, 0.05],
      tokens: 16,
      tokenizer: { kind: 'train-bpe', size: 300 },
    },
    model: { preset: 'gpt', width: 16, layers: 1, heads: 2, mlpWidth: 32 },
    training: { epochs: 1, batch: 16, learningRate: 0.01 },
  },
  'test',
);

/** A run's stored state, for comparison to the last bit. */
const weightsOf = (run: string) =>
  [...new RunFolder(run).readCheckpoint().state].map(([name, { data }]) => [name, [...data]]);

describe('training a recipe', () => {
  it('interrupted and resumed ends where an uninterrupted run ends', async () => {
    const straight = join(folder, 'straight');
    const result = await train(images, { dataRoot: root, runFolder: straight });
    expect(result.steps).toBe(16);

    const broken = join(folder, 'broken');
    const stop = new AbortController();
    // Ctrl-C after the metrics of the second epoch's evaluation: the checkpoint holds that step.
    const reason = new Error('enough');
    const first = train(images, {
      dataRoot: root,
      runFolder: broken,
      signal: stop.signal,
      onMetrics: ({ step }) => step === 8 && stop.abort(reason),
    });
    await expect(first).rejects.toBe(reason);
    expect(new RunFolder(broken).readCheckpoint().progress.step).toBe(8);
    // A process killed later leaves lines of steps the checkpoint does not hold, the last one half written.
    appendFileSync(join(broken, 'metrics.jsonl'), '{"step":9,"epoch":2.25,"loss":1}\n{"step":10,"epo');
    const second = await train(images, { dataRoot: root, runFolder: broken });
    expect(second).toMatchObject({ steps: 16, best: result.best, bestStep: result.bestStep });
    expect(weightsOf(broken)).toEqual(weightsOf(straight));

    const steps = (run: string) => new RunFolder(run).readMetrics().map(({ step, loss }) => [step, loss]);
    expect(steps(broken)).toEqual(steps(straight));
    expect(new RunFolder(straight).readMetrics().at(-1)!.validation).toHaveProperty('accuracy');
  });

  it('takes the steps of a loop written by hand, and reports their means', async () => {
    const { training } = images;
    const data = await datasets.load(images.data, { root });
    const drawn = batches(data, { batch: 20, seed: 7, ...drawingOf(images.data) });
    const { config, weights } = assembleModel(images, data, root);
    const step = await TrainingStep.create(
      { config, batch: 20, losses: taskLoss(config), optimiser: training, dropout: 0.1, averageDecay: 0.9, seed: 7 },
      weights,
    );
    const schedule = { peak: 0.005, warmup: 1, total: 16, final: 0.01 };
    const results: StepResult[] = [];
    for (let i = 0; i < 16; i++) results.push(await step.run(drawn.feeds(i), warmupCosine(i, schedule)));
    const expected = [...step.snapshot()].map(([name, tensor]) => [name, [...tensor.data]]);
    await step.close();

    const run = join(folder, 'by-hand');
    await train(images, { dataRoot: root, runFolder: run });
    expect(weightsOf(run)).toEqual(expected);
    const means = [4, 8, 12, 16].map((end) => ({
      step: end,
      epoch: end / 4,
      learningRate: warmupCosine(end - 1, schedule),
      loss: results.slice(end - 4, end).reduce((sum, { loss }) => sum + loss, 0) / 4,
      gradientNorm: results.slice(end - 4, end).reduce((sum, { gradientNorm }) => sum + gradientNorm, 0) / 4,
    }));
    const reported = new RunFolder(run).readMetrics();
    expect(
      reported.map(({ validation: _, examplesPerSecond: __, cpuSeconds: ___, wallSeconds: ____, ...line }) => line),
    ).toEqual(means);
  });

  it('another seed is another run; another recipe is refused in the same folder', async () => {
    const run = join(folder, 'seed');
    const other = { ...images, training: { ...images.training, seed: 8 } };
    await train(other, { dataRoot: root, runFolder: run });
    expect(weightsOf(run)).not.toEqual(weightsOf(join(folder, 'straight')));
    await expect(train(images, { dataRoot: root, runFolder: run })).rejects.toThrow(ConfigError);
  });

  it('the best model can be loaded, evaluated and looked into', async () => {
    const model = loadModel(join(folder, 'straight', 'model'));
    const { validation } = await datasets.load(images.data, { root });
    const result = await evaluateModel(model, validation, { limit: 13 });
    expect(result).toMatchObject({ kind: 'classification', examples: 13 });
    const ranges = await recordRanges(model.config, model.weights, validation, { limit: 10, batch: 4 });
    const gelu = ranges.find((range) => range.name === 'layers.0.mlp.activation')!;
    expect(gelu.count).toBe(10 * 16 * 32);
    expect(gelu.histogram.counts.reduce((a, b) => a + b, 0)).toBe(gelu.count);
    expect(gelu.min).toBe(Math.min(...gelu.exampleMin));
    expect(gelu.max).toBe(Math.max(...gelu.exampleMax));
    expect(gelu.quantiles.low4).toBeLessThan(gelu.quantiles.median);
    expect(ranges.map((range) => range.kind)).toContain('attention-softmax');
  });

  it('a language model learns its tokenizer and gets better at the text', async () => {
    const run = join(folder, 'lm');
    const result = await train(words, { dataRoot: root, runFolder: run });
    const model = loadModel(result.modelFolder);
    const tokenizer = loadTokenizer(result.modelFolder);
    expect(tokenizer.size).toBe(300);
    const { test, validation } = await datasets.load(words.data, { root, tokenizer });
    const full = await evaluateModel(model, test, { stride: 1 });
    const disjoint = await evaluateModel(model, test, { stride: 16 });
    if (full.kind !== 'language' || disjoint.kind !== 'language') throw new Error('wrong kind');
    // Every token but the first is scored once, whatever the stride.
    expect(full.tokens).toBe(disjoint.tokens);
    expect(full.natsPerToken).toBeLessThan(Math.log(300) - 0.5);
    expect(full.natsPerCharacter).toBeCloseTo(full.nats / full.characters, 10);
    // Looking at the keys of a causal model: masked positions are left out of the ranges.
    const ranges = await recordRanges(model.config, model.weights, validation, { limit: 3, tokens: 16 });
    const scores = ranges.find((range) => range.kind === 'attention-softmax')!;
    expect(scores.count).toBe((3 * 2 * (16 * 17)) / 2);
  });

  it('a diverging run stops, names the tensor, and keeps the last good checkpoint', async () => {
    const run = join(folder, 'wild');
    const { training } = images;
    // Fine for one epoch of warm-up from 0, then a rate at which no number stays finite.
    const wild = { ...images, training: { ...training, epochs: 20, learningRate: 1e25, warmup: 0.05, clipNorm: 1e30 } };
    const calm = { ...images, training: { ...training, epochs: 1 } };
    await train(calm, { dataRoot: root, runFolder: run });
    const before = weightsOf(run);
    rmSync(join(run, 'recipe.json'));
    const failure = train(wild, { dataRoot: root, runFolder: run });
    await expect(failure).rejects.toThrow(DivergenceError);
    await expect(failure).rejects.toThrow(/first tensor to go wrong is ".+".*checkpoint of step \d+ in .* is intact/s);
    const { progress } = new RunFolder(run).readCheckpoint();
    expect(progress.step).toBe(4);
    expect(weightsOf(run)).toEqual(before);
    for (const [, values] of before) expect((values as number[]).every(Number.isFinite)).toBe(true);
  });

  it('says what is wrong with a recipe', () => {
    expect(() => parseRecipe({ ...images, training: { ...images.training, epochs: 0 } }, 'r.json')).toThrow(
      /r\.json.*epochs/s,
    );
    expect(() => parseRecipe({ ...images, mdoel: 1 }, 'r.json')).toThrow(/mdoel/);
    expect(() => parseRecipe({ ...images, name: '../x' }, 'r.json')).toThrow(ConfigError);
  });
});
