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
  readonly summary: { readonly examples: number; readonly largestError: number; readonly worstDifference: number };
}

it.each([
  ['mnist-vit-polynomial', 'encrypted.json'],
  ['cifar10-vit-polynomial', 'encrypted-cifar10-vit.json'],
])(
  'row 5: the error bound of %s is above every measured error; that at unit spread is near the largest',
  (model, record) => {
    const { graph, card } = loadPolynomialModel(join(root, 'models', model));
    const parameters = Parameters.from(bootstrapLiteral());
    const { program } = compile(graph, { slots: parameters.maxSlots });
    const { error: bound, errorAtUnitSpread } = predictError(planProgram(program, new BootstrapPlan(parameters)), graph, 1)!; // biome-ignore format: short
    const recorded = JSON.parse(readFileSync(join(root, 'docs/benchmarks', record), 'utf8')) as Recorded;
    expect(recorded.model).toBe(card.name);
    const { examples, largestError, worstDifference } = recorded.summary;
    expect(examples).toBeGreaterThanOrEqual(8);
    expect(bound).toBeGreaterThan(largestError);
    // Of the largest inputs in range, where noise is what its draws make of it.
    expect(bound).toBeLessThan(200 * largestError);
    // One answer's, against the worst of twenty and of eight.
    expect(worstDifference / errorAtUnitSpread!).toBeLessThan(5);
    expect(worstDifference / errorAtUnitSpread!).toBeGreaterThan(1 / 5);
  },
);
