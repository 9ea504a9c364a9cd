import type { OperationTable, ShapeContext, ValueShape } from './definition.ts';
import { type Matrix, matrix, type NodeBase, operand, optionalVector } from './fields.ts';
import * as kernels from './kernels.ts';

/** Operations of a value with weights of the model. */
export type WeightNode = NodeBase &
  (
    | {
        /** weight * x + bias for every token: weight [out, in], bias [out]. */
        readonly op: 'linear';
        readonly input: number;
        readonly weight: Matrix;
        readonly bias?: Float32Array;
      }
    | {
        /** x + table, [tokens, features]: positions, a class token (whose input row is zero). */
        readonly op: 'addTable';
        readonly input: number;
        readonly table: Matrix;
      }
    | {
        /** x times table, element by element, [tokens, features]: the cosines and sines of rotary positions. */
        readonly op: 'multiplyTable';
        readonly input: number;
        readonly table: Matrix;
      }
  );

export const weightOperations: OperationTable<WeightNode> = {
  linear: {
    fields: { input: operand, weight: matrix, bias: optionalVector },
    levels: () => 1,
    shape({ input, weight, bias }, { matrixOf, expectLength, fail }) {
      const x = matrixOf(input, 'input');
      if (weight.columns !== x.columns) {
        fail(`weight has ${weight.columns} columns for an input of ${x.columns} features.`);
      }
      expectLength(weight.values, weight.rows * weight.columns, 'weight');
      if (bias) expectLength(bias, weight.rows, 'bias');
      return { rows: x.rows, columns: weight.rows };
    },
    evaluation:
      ({ input, weight, bias }, { shape }) =>
      (values, out) =>
        kernels.linear(values[input]!, shape.rows, weight, bias, out),
  },
  addTable: {
    fields: { input: operand, table: matrix },
    levels: () => 0,
    shape: tableShape,
    evaluation:
      ({ input, table }) =>
      (values, out) =>
        kernels.add(values[input]!, table.values, out),
  },
  multiplyTable: {
    fields: { input: operand, table: matrix },
    levels: () => 1,
    shape: tableShape,
    evaluation:
      ({ input, table }) =>
      (values, out) =>
        kernels.multiply(values[input]!, table.values, out),
  },
};

/** The table has an entry for each number of the value. */
function tableShape(
  { input, table }: { readonly input: number; readonly table: Matrix },
  { matrixOf, expectLength, fail }: ShapeContext,
): ValueShape {
  const x = matrixOf(input, 'input');
  if (table.rows !== x.rows || table.columns !== x.columns) {
    fail(`the table is [${table.rows}, ${table.columns}] for a value [${x.rows}, ${x.columns}].`);
  }
  expectLength(table.values, x.rows * x.columns, 'table');
  return x;
}
