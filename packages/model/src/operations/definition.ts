import type { AnyField, FieldsOf, NodeBase } from './fields.ts';

/** A matrix [rows, columns], or attention maps [heads, rows, columns] (rows tokens, columns those of a row's window). */
export interface ValueShape {
  readonly heads?: number;
  readonly rows: number;
  readonly columns: number;
}

export const valueSize = ({ heads = 1, rows, columns }: ValueShape): number => heads * rows * columns;

/** Values of the graph's inputs by name, row-major. */
export type GraphInputs = Readonly<Record<string, Float32Array | Float64Array>>;

/** What the shape of a node follows from, and how to refuse one that does not fit. */
export interface ShapeContext {
  readonly tokens: number;
  /** Tokens that attention sees from one of them: those of its window. */
  readonly window: number;
  shapeOf(value: number): ValueShape;
  /** The shape of an operand that has to be a matrix. @throws ShapeError naming the field */
  matrixOf(value: number, field: string): ValueShape;
  /** @throws ShapeError naming the field */
  expectLength(array: { readonly length: number }, length: number, field: string): void;
  /** @throws ShapeError naming the node */
  fail(message: string): never;
}

/** What a node's evaluation may be prepared with. */
export interface EvaluationContext {
  readonly window: number;
  /** Of the node's own value. */
  readonly shape: ValueShape;
  shapeOf(value: number): ValueShape;
  /** At least so many arrays of one length, which all nodes share: for what does not outlive the node. */
  scratch(arrays: number): readonly Float64Array[];
}

/** Fills `out`, which holds zeros, from the values made so far. @throws ShapeError for inputs that do not fit */
export type Compute = (values: readonly Float64Array[], out: Float64Array, inputs: GraphInputs) => void;

/** The argument of a polynomial: the operand, and the interval that it must not leave. */
export interface Argument {
  readonly operand: number;
  readonly interval: readonly [number, number];
}

/** All that this package knows of an operation of the graph. */
export interface OperationDefinition<Node extends NodeBase, Fields = FieldsOf<Node>> {
  /** What each field is: operands, tensors and the form of the rest in files follow from it. */
  readonly fields: Fields;
  /** Levels that the node adds to its deepest operand. */
  levels(node: Node): number;
  /** The shape of the value, once the node is well formed. @throws ShapeError where it is not */
  shape(node: Node, context: ShapeContext): ValueShape;
  /** The node on float64 numbers. What can be worked out before the values are there belongs outside of the result. */
  evaluation(node: Node, context: EvaluationContext): Compute;
  /** Absent for operations that take any number. */
  argument?(node: Node): Argument;
}

/** An operation whose kind is not known: what walks a graph sees this. */
export type AnyOperation<Node extends NodeBase> = OperationDefinition<Node, Readonly<Record<string, AnyField>>>;

/** A definition for each kind of node of a union, none left out. */
export type OperationTable<Node extends NodeBase & { readonly op: string }> = {
  readonly [Op in Node['op']]: OperationDefinition<Extract<Node, { readonly op: Op }>>;
};
