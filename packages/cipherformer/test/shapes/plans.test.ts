import { compile, compileForThroughput, explain } from '@cipherformer/compiler';
import { evaluate, recordValues } from '@cipherformer/model';
import { checkProgram } from '@cipherformer/runtime';
import { describe, expect, it } from 'vitest';
import { calibratedModel, randomInput, randomModel } from '../../src/shapes/random-model.ts';
import { modelShapes } from '../../src/shapes/shapes.ts';

describe('plans of the models this project is for, at 2^15 slots', () => {
  for (const [name, mostBootstraps] of [
    ['mnist-vit', 13],
    ['cifar-vit', 18],
    ['bert-tiny', 9],
    ['lm-4', 28],
  ] as const)
    it(`${name}: compiles, passes the static checks, and the plan adds up`, () => {
      const { program, placement, machine, lowered } = compile(randomModel(modelShapes[name], 1).graph);
      checkProgram(program, machine);
      const plan = explain(program, machine);
      expect(plan.total.seconds).toBeCloseTo(placement.seconds, 6);
      const layers = [...plan.layers.values()];
      expect(layers.reduce((sum, { seconds }) => sum + seconds, 0)).toBeCloseTo(plan.total.seconds, 6);
      const refreshed = program.instructions.reduce((sum, i) => sum + (i.op === 'bootstrap' ? i.inputs.length : 0), 0);
      expect(plan.total.bootstraps).toBe(refreshed);
      expect(refreshed).toBeLessThanOrEqual(mostBootstraps);
      expect(plan.rows.length).toBeGreaterThanOrEqual(lowered.groups.length);
      // No rotation is needed above the level that bootstraps and clients give.
      for (const level of plan.keys.values()) expect(level).toBeLessThanOrEqual(machine.bootstrapOutputLevel);
    });

  it('many images at once cost a tenth of one at a time, each', () => {
    const { graph } = randomModel(modelShapes['mnist-vit'], 1);
    const [one, many] = [compile(graph), compileForThroughput(graph)];
    expect(many.batch).toBeGreaterThan(16);
    expect(many.placement.seconds / many.batch).toBeLessThan(one.placement.seconds / 10);
  });
});

describe('models with random weights', () => {
  const shape = { ...modelShapes['lm-4'], config: { ...modelShapes['lm-4'].config, layers: 1 } };

  it('are the same from the same seed, and spread as trained ones: inside the intervals, logits near unit spread', () => {
    const [first, again, other] = [1, 1, 2].map((seed) => randomModel(shape, seed));
    const inputs = [randomInput(first!, 1), randomInput(first!, 2)];
    const logits = evaluate(first!.graph, inputs[0]!);
    expect(evaluate(again!.graph, inputs[0]!)).toEqual(logits);
    expect(evaluate(other!.graph, inputs[0]!)).not.toEqual(logits);
    const deviation = Math.sqrt(logits.reduce((sum, x) => sum + x * x, 0) / logits.length);
    expect(deviation).toBeGreaterThan(0.5);
    expect(deviation).toBeLessThan(2);
    const { graph } = calibratedModel(shape, 1, () => inputs);
    expect(graph.nodes.every(({ bound }) => bound > 0 && Number.isFinite(bound))).toBe(true);
    // The polynomials use their intervals, not just the middle, and nothing leaves them.
    for (const { low, high, name, interval } of recordValues(graph, inputs).sites) {
      if (!name.includes('inverse')) expect(high - low).toBeGreaterThan(4);
      expect(low).toBeGreaterThan(interval[0]);
      expect(high).toBeLessThan(interval[1]);
    }
  });
});
