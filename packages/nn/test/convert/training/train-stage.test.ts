import { describe, expect, it } from 'vitest';
import type { Weights } from '../../../../model/src/files/stored-tensor.ts';
import { stageTrainingSchema } from '../../../src/convert/recipe.ts';
import { freezeNorms, normNames, pointwiseAttention } from '../../../src/convert/substitution/architecture.ts';
import { rangeLimits } from '../../../src/convert/training/limits.ts';
import { conversionLosses } from '../../../src/convert/training/losses.ts';
import type { StageCheckpoint } from '../../../src/convert/training/stage-state.ts';
import { buildTeacher, teacherFeeds } from '../../../src/convert/training/teacher.ts';
import { type StageOptions, trainStage } from '../../../src/convert/training/train-stage.ts';
import { UnstableTrainingError } from '../../../src/errors.ts';
import { buildInference } from '../../../src/evaluate/inference.ts';
import { recordRanges } from '../../../src/evaluate/ranges.ts';
import { Program } from '../../../src/onnx/program.ts';
import { Session } from '../../../src/onnx/session.ts';
import { warmupCosine } from '../../../src/train/schedule.ts';
import { TrainingStep } from '../../../src/train/step.ts';
import { Builder } from '../../../src/transformer/builder.ts';
import { declareInputs } from '../../../src/transformer/inputs.ts';
import { buildModel } from '../../../src/transformer/transformer.ts';
import { initialWeights } from '../../../src/transformer/weights.ts';
import { config, loadData, trainedWeights } from '../support.ts';

const options = async (training: Record<string, unknown>): Promise<StageOptions> => ({
  name: 'test',
  training: stageTrainingSchema.parse(training),
  teacher: { config, weights: await trainedWeights() },
  ...(await loadData()),
  batch: 16,
  seed: 1,
  firstBatch: 0,
  variances: new Map(),
  threads: 1,
});

const valuesOf = (weights: Weights) => [...weights].map(([name, { data }]) => [name, [...data]]);

describe('the teacher', () => {
  it('in the program of its pupil gives the logits that it gives alone', async () => {
    const weights = await trainedWeights();
    const pupil = initialWeights(config, 2);
    const { images } = (await loadData()).batches.feeds(0);
    const program = new Program();
    const builder = new Builder({ program, mode: 'train', batch: 16 });
    const inputs = declareInputs(builder, config);
    const graph = buildModel(builder, config, inputs);
    const teacher = buildTeacher({ program, builder, graph, inputs, sites: builder.sites }, config);
    const both = await Session.compile(program, { student: graph.logits, teacher: teacher.logits });
    const named = Object.fromEntries([...pupil].map(([name, { data }]) => [name, data]));
    const together = await both.evaluate({ images: images!, ...named, ...teacherFeeds(weights) });

    const alone = buildInference(config, { batch: 16 });
    const session = await Session.compile(alone.program, { logits: alone.graph.logits });
    const own = Object.fromEntries([...weights].map(([name, { data }]) => [name, data]));
    const expected = await session.evaluate({ images: images!, ...own });
    const far = (a: ArrayLike<unknown>, b: ArrayLike<unknown>) =>
      Math.max(...Array.from(a, (value, i) => Math.abs(Number(value) - Number(b[i]))));
    expect(far(together.teacher!, expected.logits!)).toBeLessThan(1e-5);
    expect(far(together.student!, expected.logits!)).toBeGreaterThan(0.1);
    await both.close();
    await session.close();
  });

  it('has nothing to teach itself, and something to another', async () => {
    const weights = await trainedWeights();
    const losses = conversionLosses(config, {
      teacher: { config, temperature: 2 },
      features: true,
      range: { form: 'square', limits: [] },
      variance: [],
      labelSmoothing: 0,
    });
    const optimiser = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, clipNorm: 1 };
    const { batches } = await loadData();
    const termsOf = async (pupil: typeof weights) => {
      const step = await TrainingStep.create({ config, batch: 16, losses, optimiser, seed: 1 }, pupil);
      const { terms } = await step.run({ ...batches.feeds(0), ...teacherFeeds(weights) }, 0);
      await step.close();
      return terms;
    };
    const same = await termsOf(weights);
    expect(same.distillation).toBeLessThan(1e-6);
    expect(same.features).toBeLessThan(1e-9);
    const other = await termsOf(initialWeights(config, 2));
    expect(other.distillation).toBeGreaterThan(0.1);
    expect(other.features).toBeGreaterThan(0.1);
  });
});

describe('a stage of training', () => {
  const widest = async (range: number) => {
    const given = await options({
      epochs: 20,
      learningRate: 3e-3,
      averageDecay: 0.9,
      losses: { range },
      limits: { mlp: [-1, 1] },
    });
    const { model } = await trainStage({ config, weights: await trainedWeights() }, given);
    const ranges = await recordRanges(config, model.weights, given.data.train, { limit: 48 });
    const sites = ranges.filter(({ kind }) => kind === 'mlp-activation');
    return Math.max(...sites.map(({ min, max }) => Math.max(-min, max)));
  };

  it('pulls activations into their limits, and does not without the penalty', async () => {
    const without = await widest(0);
    expect(without).toBeGreaterThan(2);
    expect(await widest(100)).toBeLessThan(Math.min(1.5, 0.6 * without));
  });

  it('in a single step moves matrices of layers by Muon where the recipe says so, and nothing else otherwise than by AdamW', async () => {
    const model = { config, weights: await trainedWeights() };
    const after = async (more: Record<string, unknown>) => {
      const given = await options({ epochs: 0.1, weightDecay: 0, averageDecay: 0, finalRate: 1, warmup: 0, ...more });
      return (await trainStage(model, given)).model.weights;
    };
    const [adamw, muon] = [await after({}), await after({ muon: {} })];
    const moved = (name: string) =>
      adamw.get(name)!.data.some((value, i) => Math.abs(value - muon.get(name)!.data[i]!) > 1e-5);
    for (const name of adamw.keys()) {
      expect([name, moved(name)]).toEqual([name, /^layers\..*(qkv|out|up|down)\.weight$/.test(name)]);
    }
  });

  it('with clamped arguments survives an example that is far too large', async () => {
    const given = await options({ epochs: 5, averageDecay: 0.9, limits: { attention: [-2, 2], mlp: [-2, 2] } });
    const converted = pointwiseAttention(
      { config, weights: await trainedWeights() },
      { activation: 'gelu', affine: true },
    );
    const start = freezeNorms(converted, new Map(normNames(config).map((name) => [name, 1])));
    const huge = (clamp?: number): StageOptions => ({
      ...given,
      training: { ...given.training, ...(clamp === undefined ? {} : { clamp }) },
      batches: {
        ...given.batches,
        feeds(step) {
          const feeds = given.batches.feeds(step);
          return { ...feeds, images: (feeds.images as Float32Array).map((x, i) => (i < 784 ? 1e4 * x : x)) };
        },
      },
    });
    await expect(trainStage(start, huge())).rejects.toThrow(UnstableTrainingError);
    expect((await trainStage(start, huge(2))).progress.step).toBe(20);
  });

  it('goes back after a step that is not finite, and finishes', async () => {
    const given = await options({ epochs: 10, averageDecay: 0.9 });
    let calls = 0;
    const broken: StageOptions = {
      ...given,
      batches: {
        ...given.batches,
        feeds(step) {
          const feeds = given.batches.feeds(step);
          calls += 1;
          return calls === 30 ? { ...feeds, images: (feeds.images as Float32Array).map(() => Number.NaN) } : feeds;
        },
      },
    };
    const { progress, model } = await trainStage({ config, weights: await trainedWeights() }, broken);
    expect(progress.step).toBe(40);
    expect(progress.monitor.rollbacks).toBe(1);
    expect([...model.weights.values()].every(({ data }) => data.every(Number.isFinite))).toBe(true);
  });

  /** Everything that a stage can be asked for, and a batch at step 30 that is no numbers, once. */
  const eventful = async (): Promise<StageOptions> => {
    const given = await options({
      epochs: 20,
      learningRate: 3e-3,
      averageDecay: 0.9,
      ramp: 0.5,
      losses: { range: 5 },
      limits: { mlp: [-1, 1] },
    });
    let broken = true;
    const feeds = (step: number) => {
      const fed = given.batches.feeds(step);
      if (step !== 35 || !broken) return fed;
      broken = false;
      return { ...fed, images: new Float32Array(16 * 784).fill(Number.NaN) };
    };
    return { ...given, firstBatch: 5, batches: { ...given.batches, feeds } };
  };

  it('takes the steps of a loop written by hand, roll-back and all', async () => {
    const model = { config, weights: await trainedWeights() };
    const given = await eventful();
    const { batches, training } = given;
    const losses = conversionLosses(config, {
      teacher: { config, temperature: 1 },
      features: true,
      range: { form: 'square', limits: rangeLimits(model, training) },
      variance: [],
      labelSmoothing: 0,
    });
    const step = await TrainingStep.create(
      { config, batch: 16, losses, optimiser: training, averageDecay: 0.9, seed: 6 },
      model.weights,
    );
    const start = step.snapshot();
    const schedule = { peak: 3e-3, warmup: 4, total: 80, final: 0.02 };
    const curve: unknown[] = [];
    let rollbacks = 0;
    let sum = 0;
    for (let i = 0; i < 80; i = step.step) {
      const feeds = { ...batches.feeds(5 + i + 1009 * rollbacks), ...teacherFeeds(model.weights) };
      const weights = { task: 0.1, distillation: 0.9, features: 1, range: 5 * Math.min(1, (i + 1) / 40) };
      try {
        sum += (await step.run(feeds, warmupCosine(i, schedule) * 0.5 ** rollbacks, weights)).loss;
      } catch {
        step.restore(start, 0);
        rollbacks += 1;
        sum = 0;
        curve.length = 0;
        continue;
      }
      if (step.step % 20 > 0) continue;
      curve.push([step.step, Number((sum / 20).toPrecision(5))]);
      sum = 0;
    }
    const expected = valuesOf(step.weights(true));
    await step.close();

    const trained = await trainStage(model, await eventful());
    expect(rollbacks).toBe(1);
    expect(trained.progress.monitor.rollbacks).toBe(1);
    expect(trained.progress.curve.map(({ step: at, loss }) => [at, loss])).toEqual(curve);
    expect(valuesOf(trained.model.weights)).toEqual(expected);
  });

  it('interrupted after a roll-back and resumed ends where it ends uninterrupted', async () => {
    const model = { config, weights: await trainedWeights() };
    const straight = await trainStage(model, await eventful());
    const stop = new AbortController();
    const reason = new Error('enough');
    let checkpoint: StageCheckpoint | undefined;
    let points = 0;
    const first = trainStage(model, {
      ...(await eventful()),
      signal: stop.signal,
      // Steps 20, and after the roll-back 20 and 40.
      progress: () => ++points === 3 && stop.abort(reason),
      save: (latest) => {
        checkpoint = latest;
      },
    });
    await expect(first).rejects.toBe(reason);
    expect(checkpoint!.progress.step).toBe(40);
    const { batches } = await loadData();
    const second = await trainStage(model, { ...(await eventful()), batches, resume: checkpoint! });
    expect(second.progress.curve).toEqual(straight.progress.curve);
    expect(second.progress.monitor).toEqual(straight.progress.monitor);
    expect(valuesOf(second.model.weights)).toEqual(valuesOf(straight.model.weights));
  });

  it('gives up, saying what to try, when it keeps diverging', async () => {
    const given = await options({ epochs: 10 });
    const broken: StageOptions = {
      ...given,
      batches: {
        ...given.batches,
        feeds: (step) => ({ ...given.batches.feeds(step), images: new Float32Array(16 * 784).fill(Number.NaN) }),
      },
    };
    const run = trainStage({ config, weights: await trainedWeights() }, broken);
    await expect(run).rejects.toThrow(UnstableTrainingError);
    await expect(run).rejects.toThrow(/learningRate/);
  });
});
