import { describe, expect, it } from 'vitest';
import { checkProgram, compile, explain } from '../../src/index.ts';
import { targetGraph } from '../passes/targets.ts';

describe('plans of the models this project is for, at 2^15 slots', () => {
  for (const [name, mostBootstraps] of [
    ['MNIST ViT', 9],
    ['CIFAR ViT', 18],
    ['BERT-Tiny', 7],
    ['LM, 4 layers, width 128', 18],
  ] as const)
    it(`${name}: compiles, passes the static checks, and the plan adds up`, () => {
      const { program, placement, machine, lowered } = compile(targetGraph(name));
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
});
