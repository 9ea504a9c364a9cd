import { join } from 'node:path';
import { evaluate } from '@cipherformer/model';
import { loadPolynomialModel } from '@cipherformer/model/files';
import { expect, it } from 'vitest';
import { runClear } from '../../../runtime/src/backends/clear.ts';
import { checkProgram } from '../../../runtime/src/program/check.ts';
import { packInputs } from '../../../runtime/src/program/values.ts';
import { compile } from '../../src/passes/compile.ts';

const folder = join(import.meta.dirname, '..', '..', '..', '..', 'models', 'mnist-vit-polynomial');

it('the shipped MNIST model at 2^15 slots: its logits on clear slots, with few bootstraps', () => {
  const { graph } = loadPolynomialModel(folder);
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
