import { type GraphNode, type GraphOp, operations } from './graph.ts';

const fieldsByOp = new Map(
  Object.entries(operations).map(([op, { fields }]) => [
    op as GraphOp,
    Object.keys(fields).filter((field) => fields[field]!.kind === 'operand'),
  ]),
);

/** Operands of a node, by field. */
export function operandsOf(node: GraphNode): readonly (readonly [field: string, value: number])[] {
  const numbers = node as unknown as Readonly<Record<string, number>>;
  return fieldsByOp.get(node.op)!.map((field) => [field, numbers[field]!]);
}

/** The node with other numbers for its operands. */
export function withOperands<Node extends GraphNode>(node: Node, map: (operand: number) => number): Node {
  return { ...node, ...Object.fromEntries(operandsOf(node).map(([field, value]) => [field, map(value)])) };
}
