// A program on fewer slots computes the logits of the whole one, and its simulated noise is of the same size.
import { BootstrapPlan, bootstrapLiteral, Parameters } from '@cipherformer/ckks';
import { PolynomialEvaluator } from '@cipherformer/model';
import { expect, it } from 'vitest';
import { runClear } from '../../../runtime/src/backends/clear.ts';
import { runSimulated } from '../../../runtime/src/backends/simulate.ts';
import { planProgram } from '../../../runtime/src/keys/planned-program.ts';
import { joinExamples, packInputs } from '../../../runtime/src/program/values.ts';
import { identity, programOf, randomMatrix, randomVector } from '../../../runtime/test/backends/support.ts';
import { logitsOnFewSlots } from '../../src/cost/fewer-slots.ts';
import { compile } from '../../src/passes/compile.ts';
import { randomInputs, type TransformerShape, transformer } from '../passes/graphs.ts';

const plan = new BootstrapPlan(Parameters.from(bootstrapLiteral()));
const shape: TransformerShape = {
  ...{ tokens: 4, features: 6, width: 8, heads: 2, headWidth: 4, hidden: 16, layers: 2, outputs: 3 },
  pooling: 'mean',
};
const input = randomInputs(shape, 7);
const graph = transformer(shape, 3).calibrated([input, randomInputs(shape, 8)]);
const rms = (values: Float64Array, exact: Float64Array) =>
  Math.sqrt(values.reduce((sum, x, k) => sum + (x - exact[k % exact.length]!) ** 2, 0) / values.length);

it.each([1, 2])('batch %i: the same logits in every copy, and noise within a bit and a half', (batch) => {
  const { program } = compile(graph, { slots: 2 ** 12, batch });
  const few = logitsOnFewSlots(program);
  expect(few.slots).toBeLessThanOrEqual(program.slots / 4);
  expect(few.instructions.length).toBeLessThan(program.instructions.length);
  const exact = new PolynomialEvaluator(graph).run(input);
  const packed = packInputs(few, joinExamples([input], batch));
  const [logits] = runClear(few, packed).outputs as [Float64Array];
  expect(logits.length).toBeGreaterThan(batch * exact.length);
  expect(rms(logits, exact)).toBeLessThan(1e-9);

  const whole = packInputs(program, joinExamples([input], batch));
  const planned = planProgram(program, plan);
  let [own, all] = [0, 0];
  for (let seed = 1; seed <= 12; seed++) {
    own += rms(runSimulated({ ...planned, program: few }, packed, { seed }).outputs[0]!, exact) ** 2;
    all += rms(runSimulated(planned, whole, { seed }).outputs[0]!, exact) ** 2;
  }
  expect(Math.abs(Math.log2(own / all)) / 2).toBeLessThan(1.5);
});

it('all slots stay where a diagonal does not repeat, or an input', () => {
  const map = { op: 'linear', source: 'test', level: 5, inputs: [0], outputs: [1], babySteps: [0, 1], giantSteps: [0] } as const; // biome-ignore format: short
  const alone = programOf([5], [{ ...map, matrix: randomMatrix(() => [0, 1]) }], [1]);
  expect(logitsOnFewSlots(alone).slots).toBe(alone.slots);
  const values = randomVector(1, 1, 64);
  const repeated = Float64Array.from({ length: alone.slots }, (_, s) => values[s % 64]!);
  const matrix = { rotations: () => [0, 1], diagonal: () => repeated, period: 64 };
  const periodic = programOf([5], [{ ...map, matrix }], [1]);
  expect(logitsOnFewSlots(periodic).slots).toBe(alone.slots);
  const source = identity.map((slot) => slot % 64);
  expect(logitsOnFewSlots({ ...periodic, inputs: [{ ...periodic.inputs[0]!, source }] }).slots).toBe(64);
});
