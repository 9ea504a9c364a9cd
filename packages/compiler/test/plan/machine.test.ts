import {
  BootstrapPlan,
  bootstrapLiteral,
  defaultBootstrapChain,
  longBootstrapChain,
  Parameters,
} from '@cipherformer/ckks';
import { describe, expect, it } from 'vitest';
import { defaultCosts } from '../../src/cost/default-costs.ts';
import { defaultMachine, machineOf } from '../../src/plan/machine.ts';
import { Numbers } from '../passes/graphs.ts';

describe('machine models', () => {
  it('take the scatter out of measured costs, so that lower levels are never dearer', () => {
    const numbers = new Numbers(5);
    const scattered = Object.fromEntries(
      Object.entries(defaultCosts.milliseconds).map(([name, values]) => [
        name,
        values.map((value) => value * (1 + 0.3 * numbers.next())),
      ]),
    ) as unknown as typeof defaultCosts.milliseconds;
    const machine = machineOf(
      Parameters.from(bootstrapLiteral()),
      { ...defaultCosts, milliseconds: scattered },
      'test',
    );
    for (const operation of ['diagonal', 'rotate', 'rescale'] as const) {
      const seconds = Array.from({ length: 16 }, (_, level) => machine.seconds([{ operation, level, count: 1 }]));
      for (let level = 1; level < 16; level++) expect(seconds[level]).toBeGreaterThanOrEqual(seconds[level - 1]!);
      const whole = seconds.slice(1).reduce((sum, value) => sum + value, 0);
      const measured = scattered[operation].slice(1).reduce((sum, value) => sum + value / 1000, 0);
      expect(whole).toBeCloseTo(measured, 1);
    }
  });

  it('pair bootstraps', () => {
    const machine = defaultMachine();
    const [one, two, three] = [1, 2, 3].map((count) => machine.bootstrapSeconds(count));
    expect(two).toBeLessThan(2 * one!);
    expect(three).toBeCloseTo(one! + two!, 9);
    expect(machine.bootstrapOutputLevel - machine.bootstrapInputLevel).toBe(9);
  });

  it('price the bootstraps of another chain by their transforms', () => {
    const seconds = [defaultBootstrapChain, longBootstrapChain].map((chain) => {
      const parameters = Parameters.from(bootstrapLiteral(chain));
      const { transforms } = new BootstrapPlan(parameters);
      return machineOf(parameters, defaultCosts, 'test').bootstrapSeconds(2) / transforms;
    });
    expect(seconds[0]! * defaultCosts.bootstrapTransforms).toBeCloseTo(
      defaultCosts.milliseconds.bootstrapPair[3]! / 1000,
      9,
    );
    expect(seconds[1]).toBeCloseTo(seconds[0]!, 9);
  });
});
