import type { OperationTable, ShapeContext, ValueShape } from './definition.ts';
import { type NodeBase, operand } from './fields.ts';
import * as kernels from './kernels.ts';

interface Pair {
  readonly left: number;
  readonly right: number;
}

/** Element-wise operations of two values of one shape. */
export type PairNode = NodeBase & (({ readonly op: 'add' } & Pair) | ({ readonly op: 'multiply' } & Pair));

const fields = { left: operand, right: operand };

export const pairOperations: OperationTable<PairNode> = {
  add: {
    fields,
    levels: () => 0,
    shape: sharedShape,
    evaluation:
      ({ left, right }) =>
      (values, out) =>
        kernels.add(values[left]!, values[right]!, out),
  },
  multiply: {
    fields,
    levels: () => 1,
    shape: sharedShape,
    evaluation:
      ({ left, right }) =>
      (values, out) =>
        kernels.multiply(values[left]!, values[right]!, out),
  },
};

function sharedShape(node: Pair, { matrixOf, fail }: ShapeContext): ValueShape {
  const left = matrixOf(node.left, 'left');
  const right = matrixOf(node.right, 'right');
  if (left.rows !== right.rows || left.columns !== right.columns) {
    fail(`[${left.rows}, ${left.columns}] and [${right.rows}, ${right.columns}] are not of one shape.`);
  }
  return left;
}
