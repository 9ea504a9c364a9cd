import { type AttentionNode, attentionOperations } from '../operations/attention.ts';
import type { AnyOperation, OperationTable } from '../operations/definition.ts';
import { type InputNode, inputOperations } from '../operations/input.ts';
import { type PairNode, pairOperations } from '../operations/pairs.ts';
import { type PolynomialNode, polynomialOperations } from '../operations/polynomial.ts';
import { type RowNode, rowOperations } from '../operations/rows.ts';
import { type WeightNode, weightOperations } from '../operations/weights.ts';

/**
 * A transformer in polynomial form: what conversion makes, what the float64 evaluator runs and what the compiler turns
 * into an encrypted program. Every normalisation with stored statistics, every scale and every gain is already folded
 * into a neighbouring linear map, so each node is additions and multiplications only.
 *
 * Values are matrices [tokens, features], or attention maps [heads, tokens (query), tokens of its window (key)]. Node i makes value i;
 * operands are numbers of earlier nodes.
 */
export interface PolynomialGraph {
  /** The public length of the sequence: the number of rows of every value (the bucket, for text), but where tokens merge. */
  readonly tokens: number;
  /** Tokens of a window, one after another, where attention sees those of its own window alone. Default: all. */
  readonly window?: number;
  readonly nodes: readonly GraphNode[];
  /** The value of the logits, [1, outputs]. */
  readonly output: number;
}

export type GraphNode = InputNode | WeightNode | PairNode | RowNode | AttentionNode | PolynomialNode;
export type GraphOp = GraphNode['op'];
export type NodeOf<Op extends GraphOp> = Extract<GraphNode, { readonly op: Op }>;

/** Every operation, each defined once. */
const definitions: OperationTable<GraphNode> = {
  ...inputOperations,
  ...weightOperations,
  ...pairOperations,
  ...rowOperations,
  ...attentionOperations,
  ...polynomialOperations,
};

/** The definitions by name, for what treats all operations alike. */
export const operations: Readonly<Record<GraphOp, AnyOperation<GraphNode>>> = definitions;
