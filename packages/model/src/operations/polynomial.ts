import { ApproxError, type Program, programCost, programFromJSON, type Step } from '@cipherformer/approx';
import { z } from 'zod';
import { FormatError } from '../errors.ts';
import type { OperationTable } from './definition.ts';
import { type NodeBase, operand } from './fields.ts';
import * as kernels from './kernels.ts';
import { prepareProgram } from './prepare.ts';

export type PolynomialNode = NodeBase & {
  /** A polynomial program of every element, of a matrix or of maps. */
  readonly op: 'polynomial';
  readonly input: number;
  readonly program: Program;
};

export const polynomialOperations: OperationTable<PolynomialNode> = {
  polynomial: {
    fields: { input: operand, program: { kind: 'value', schema: z.unknown(), read: readProgram } },
    levels: ({ program }) => programCost(program).levels,
    shape({ input, program: { steps } }, { shapeOf, fail }) {
      const constant = steps.findIndex(isConstant);
      if (steps.length === 0) fail('program.steps is empty: a program needs at least one step.');
      if (constant >= 0)
        fail(`program.steps[${constant}] is a constant: leave the polynomial out and add the constant to a bias.`);
      return shapeOf(input);
    },
    evaluation({ input, program }, { scratch }) {
      const prepared = prepareProgram(program);
      const intermediate = scratch(prepared.steps.length + 1);
      return (values, out) => kernels.polynomial(values[input]!, prepared, intermediate, out);
    },
    argument: ({ input, program: { interval } }) => ({ operand: input, interval }),
  },
};

/** Whether a step does not depend on what it reads. Encrypted, a constant is no ciphertext. */
function isConstant(step: Step): boolean {
  if (step.op === 'affine') return step.terms.every(({ factor }) => factor === 0);
  return step.op === 'polynomial' && step.coefficients.slice(1).every((coefficient) => coefficient === 0);
}

function readProgram(json: unknown, path: string): Program {
  try {
    return programFromJSON(json, path);
  } catch (error) {
    if (error instanceof ApproxError) throw new FormatError(`${error.message}.`);
    throw error;
  }
}
