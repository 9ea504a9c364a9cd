import { join } from 'node:path';
import { evaluate } from '@cipherformer/model';
import { loadPolynomialModel } from '@cipherformer/model/files';
import { describe, expect, it } from 'vitest';
import { runClear } from '../../../runtime/src/backends/clear.ts';
import { checkProgram } from '../../../runtime/src/program/check.ts';
import { packInputs } from '../../../runtime/src/program/values.ts';
import { compile } from '../../src/passes/compile.ts';
import { explain } from '../../src/plan/explain.ts';

const models = join(import.meta.dirname, '..', '..', '..', '..', 'models');

it('the shipped MNIST model at 2^15 slots: its logits on clear slots, with few bootstraps', () => {
  const { graph } = loadPolynomialModel(join(models, 'mnist-vit-polynomial'));
  const { program, machine } = compile(graph);
  checkProgram(program, machine);
  expect(program.instructions.filter(({ op }) => op === 'bootstrap').length).toBeLessThanOrEqual(6);
  const [input] = program.inputs;
  const size = Math.max(...input!.source) + 1;
  // Normalised pixels: never below those of a black one.
  const values = Float32Array.from({ length: size }, (_, i) => Math.max(-0.42, Math.sin(i * 0.37) * 1.2));
  const expected = evaluate(graph, { [input!.name]: values });
  const { outputs, outOfRangeOperands } = runClear(program, packInputs(program, { [input!.name]: values }));
  expect(outOfRangeOperands).toEqual([]);
  for (const [k, value] of outputs[0]!.entries()) expect(value).toBeCloseTo(expected[k]!, 9);
});

describe('row 16: what it costs the models that ship', () => {
  it.each([
    ['mnist-vit-polynomial', 1, 6],
    ['mnist-vit-polynomial', 128, 44],
    ['cifar10-vit-polynomial', 1, 6],
    ['cifar10-vit-polynomial', 8, 22],
  ])(
    '%s, %i at once: the bootstraps it had, and about a hundredth of the predicted time at most',
    (name, batch, bootstraps) => {
      const { graph } = loadPolynomialModel(join(models, name));
      const { program, machine } = compile(graph, { batch });
      const { rows, total } = explain(program, machine);
      expect(total.bootstraps).toBe(bootstraps);
      const checks = rows.filter(({ source }) => source.endsWith('(range check)'));
      const seconds = checks.reduce((sum, row) => sum + row.seconds, 0);
      expect(checks.length).toBeGreaterThan(1);
      expect(seconds / total.seconds).toBeLessThan(0.015);
    },
  );
});
