// The predicted error bound against the errors of encrypted answers, as they were measured (docs/benchmarks).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BootstrapPlan, bootstrapLiteral, Parameters } from '@cipherformer/ckks';
import { loadPolynomialModel } from '@cipherformer/model/files';
import { expect, it } from 'vitest';
import { planProgram } from '../../../runtime/src/keys/planned-program.ts';
import { predictError } from '../../src/cost/predict-error.ts';
import { compile } from '../../src/passes/compile.ts';

const root = join(import.meta.dirname, '../../../..');

interface Recorded {
  readonly model: string;
  readonly summary: { readonly examples: number; readonly largestError: number };
}

it.each([
  ['mnist-vit-polynomial', 'encrypted.json'],
  ['cifar10-vit-polynomial', 'encrypted-cifar10-vit.json'],
])('row 5: the error bound of %s is above every measured error, by less than a hundred times', (model, record) => {
  const { graph, card } = loadPolynomialModel(join(root, 'models', model));
  const parameters = Parameters.from(bootstrapLiteral());
  const { program } = compile(graph, { slots: parameters.maxSlots });
  const { error: bound } = predictError(planProgram(program, new BootstrapPlan(parameters)), graph, 1)!;
  const recorded = JSON.parse(readFileSync(join(root, 'docs/benchmarks', record), 'utf8')) as Recorded;
  expect(recorded.model).toBe(card.name);
  const { examples, largestError } = recorded.summary;
  expect(examples).toBeGreaterThanOrEqual(8);
  expect(bound).toBeGreaterThan(largestError);
  expect(bound).toBeLessThan(100 * largestError);
});
