import { describe, expect, it } from 'vitest';
import type { StoredTensor } from '../../../model/src/files/stored-tensor.ts';
import { DivergenceError } from '../../src/errors.ts';
import * as ops from '../../src/ops/index.ts';
import { Random } from '../../src/random.ts';
import type { Losses } from '../../src/train/build-step.ts';
import { combineLosses, distillationLoss, taskLoss } from '../../src/train/losses.ts';
import { gptConfig, vitConfig } from '../../src/transformer/presets.ts';
import { initialWeights } from '../../src/transformer/weights.ts';
import { create, images, optimiser, vit } from './support.ts';

const gpt = gptConfig({ vocabulary: 11, maxTokens: 6, width: 8, layers: 2, heads: 2, mlpWidth: 16, tied: true });

function tokens(seed: number, batch = 4) {
  const random = new Random(seed);
  const draw = () => BigInt64Array.from({ length: batch * 6 }, () => BigInt(random.integer(11)));
  return { ids: draw(), targets: draw() };
}

const values = (weights: ReadonlyMap<string, StoredTensor>) =>
  [...weights].map(([name, { data }]) => [name, [...data]]);

describe('a training step', () => {
  it('learns a fixed batch by heart', async () => {
    const step = await create(gpt, 4);
    const batch = tokens(1);
    const first = await step.run(batch, 0.01);
    let last = first;
    for (let i = 0; i < 150; i++) last = await step.run(batch, 0.01);
    expect(first.loss).toBeGreaterThan(2);
    expect(last.loss).toBeLessThan(0.3);
    await step.close();
  });

  it('follows AdamW with clipping, computed apart in double precision', async () => {
    // One step moves every parameter by its own AdamW update; the gradient is recovered from the first moment.
    const clipNorm = 0.05;
    const step = await create(vit, 8, { optimiser: { ...optimiser, clipNorm } });
    const before = step.snapshot();
    const batch = images(2);
    const moments = { m: new Map<string, Float64Array>(), v: new Map<string, Float64Array>() };
    let value = new Map([...before].map(([name, { data }]) => [name, Float64Array.from(data)]));
    for (let t = 1; t <= 3; t++) {
      const { gradientNorm } = await step.run(batch, 0.02);
      const after = step.snapshot();
      let squares = 0;
      for (const [name, { data }] of after) {
        const group = /^(group\d+)\.moment1$/.exec(name)?.[1];
        if (!group) continue;
        const m0 = moments.m.get(group) ?? new Float64Array(data.length);
        const v0 = moments.v.get(group) ?? new Float64Array(data.length);
        // m1 = b1 m0 + (1 - b1) g  gives the clipped gradient g
        const g = Float64Array.from(data, (m1, i) => (m1 - 0.9 * m0[i]!) / (1 - 0.9));
        squares += g.reduce((sum, x) => sum + x * x, 0);
        const m = g.map((x, i) => 0.9 * m0[i]! + 0.1 * x);
        const v = g.map((x, i) => 0.99 * v0[i]! + 0.01 * x * x);
        const decay = name.startsWith('group0') ? 0.1 : 0;
        const old = value.get(`${group}.value`)!;
        const expected = old.map((p, i) => {
          const mHat = m[i]! / (1 - 0.9 ** t);
          const vHat = v[i]! / (1 - 0.99 ** t);
          return p - 0.02 * decay * p - (0.02 * mHat) / (Math.sqrt(vHat) + 1e-8);
        });
        const actual = after.get(`${group}.value`)!.data;
        const relevant = [...expected.keys()].filter((i) => Math.abs(g[i]!) > 1e-6);
        for (const i of relevant) expect(actual[i]).toBeCloseTo(expected[i]!, 4);
        moments.m.set(group, m);
        moments.v.set(group, v);
      }
      expect(gradientNorm).toBeGreaterThan(clipNorm);
      expect(Math.sqrt(squares)).toBeCloseTo(clipNorm, 3);
      value = new Map([...after].map(([name, { data }]) => [name, Float64Array.from(data)]));
    }
    await step.close();
  });

  it('resumes bit for bit from a snapshot, with dropout and averaging', async () => {
    const options = { dropout: 0.2, averageDecay: 0.9 };
    const straight = await create(gpt, 4, options);
    for (let i = 0; i < 6; i++) await straight.run(tokens(i), 0.01);

    const first = await create(gpt, 4, options);
    for (let i = 0; i < 3; i++) await first.run(tokens(i), 0.01);
    const snapshot = first.snapshot();
    const second = await create(gpt, 4, options);
    second.restore(snapshot, 3);
    for (let i = 3; i < 6; i++) await second.run(tokens(i), 0.01);

    expect(values(second.weights())).toEqual(values(straight.weights()));
    expect(values(second.weights(true))).toEqual(values(straight.weights(true)));
    expect(values(second.weights(true))).not.toEqual(values(second.weights()));
    for (const step of [straight, first, second]) await step.close();
  });

  it('trains batches of several lengths on one state', async () => {
    const step = await create(gpt, 4);
    const long = tokens(1);
    const cut = (values: BigInt64Array) => values.filter((_, i) => i % 6 < 3);
    const short = { ids: cut(long.ids), targets: cut(long.targets) };
    const first = await step.run(long, 0.01);
    for (let i = 0; i < 120; i++) await step.run(i % 2 ? long : short, 0.01);
    expect(first.loss).toBeGreaterThan(2);
    expect((await step.run(short, 0)).loss).toBeLessThan(0.5);
    expect((await step.run(long, 0)).loss).toBeLessThan(0.5);
    await step.close();
  });

  it('leaves frozen parameters alone and scales the rates it is told to', async () => {
    const step = await create(gpt, 4, {
      rule: { frozen: ['embedding.*', 'layers.0.*'], rates: [{ pattern: 'norm.*', rate: 0.5 }] },
      optimiser: { ...optimiser, weightDecay: 0 },
    });
    const before = step.weights();
    await step.run(tokens(1), 0.01);
    const after = step.weights();
    for (const [name, { data }] of after) {
      const moved = Math.max(...data.map((x, i) => Math.abs(x - before.get(name)!.data[i]!)));
      if (/^(embedding|layers\.0)\./.test(name)) expect(moved).toBe(0);
      // Adam's first step is the learning rate in every coordinate.
      else if (name.startsWith('norm.')) expect(moved).toBeCloseTo(0.005, 4);
      else if (/mlp\.up\.weight/.test(name)) expect(moved).toBeCloseTo(0.01, 4);
    }
    await step.close();
  });

  it('mixes losses with weights given per step', async () => {
    const losses = combineLosses(taskLoss(vit), distillationLoss(vit, 2));
    const step = await create(vit, 8, { losses });
    const feeds = { ...images(3), 'teacher.logits': new Float32Array(24).fill(0.1) };
    const both = await step.run(feeds, 0, { task: 0.25, distillation: 2 });
    expect(both.loss).toBeCloseTo(0.25 * both.terms.task! + 2 * both.terms.distillation!, 5);
    expect(both.terms.distillation).toBeGreaterThan(0);
    await step.close();
  });

  it('penalises the inputs of sites, which then stay inside their range', async () => {
    const limit = 0.3;
    // Mean square of what exceeds the limit, over all activation inputs.
    const range: Losses = ({ sites }) => {
      const penalties = sites
        .filter((site) => site.kind === 'mlp-activation')
        .map((site) => ops.mean(ops.square(ops.relu(ops.shift(ops.abs(site.tensor), -limit)))));
      return [{ name: 'range', tensor: penalties.reduce((a, b) => ops.add(a, b)) }];
    };
    const step = await create(vit, 8, { losses: combineLosses(taskLoss(vit), range) });
    const batch = images(6);
    const before = await step.run(batch, 0.01, { task: 0.01, range: 10 });
    let after = before;
    for (let i = 0; i < 100; i++) after = await step.run(batch, 0.01, { task: 0.01, range: 10 });
    expect(before.terms.range).toBeGreaterThan(0.02);
    expect(after.terms.range!).toBeLessThan(0.05 * before.terms.range!);
    await step.close();
  });

  it('stops at a value that is not a number, names the tensor, and keeps the state before', async () => {
    const step = await create(vit, 8);
    const good = images(4);
    await step.run(good, 0.01);
    const before = values(step.weights());
    const bad = { ...good, images: good.images.slice().fill(Number.NaN, 0, 1) };
    await expect(step.run(bad, 0.01)).rejects.toThrow(DivergenceError);
    await expect(step.run(bad, 0.01)).rejects.toMatchObject({ tensor: 'images', step: 2 });
    expect(values(step.weights())).toEqual(before);

    // A huge weight overflows inside the model: the first tensor after it is the one to blame.
    const weights = step.weights();
    weights.get('layers.1.mlp.up.weight')!.data.fill(3e38);
    step.load(weights);
    await expect(step.run(good, 0.01)).rejects.toMatchObject({ tensor: expect.stringMatching(/^layers\.1\//) });
    await step.run(good, 0.01).catch(() => undefined);
    step.load(initialWeights(vit, 3));
    expect((await step.run(good, 0.01)).loss).toBeGreaterThan(0);
    await step.close();
  });

  it('does not grow over 2,000 steps', async () => {
    const wider = vitConfig({
      image: { channels: 1, height: 8, width: 8 },
      patch: 4,
      width: 24,
      layers: 2,
      heads: 2,
      mlpWidth: 48,
      classes: 3,
      pool: 'mean',
    });
    const step = await create(wider, 8);
    const batch = images(1);
    for (let i = 0; i < 200; i++) await step.run(batch, 0.001);
    const usage = () => process.memoryUsage().rss / 2 ** 20;
    const before = usage();
    for (let i = 0; i < 2000; i++) await step.run(batch, 0.001);
    // Leaking one of the large state arrays (9,672 floats) in each step would add 74 MiB; beside other work the collector
    // lets some 27 lie.
    expect(usage() - before).toBeLessThan(50);
    await step.close();
  });
});
