import type { GraphNode, ValueShape } from '@cipherformer/model';

/** Multiplies a value by a constant, where no neighbour can take the factor. */
export interface RescaleNode {
  readonly op: 'rescale';
  readonly name: string;
  readonly bound: number;
  readonly input: number;
}

/** The embedded token that is new, [1, features], which every row holds. */
export interface TokenInputNode {
  readonly op: 'tokenInput';
  readonly name: string;
  readonly bound: number;
  readonly features: number;
}

/** Scores of the new token, the same query in every row, with the keys of all: [keys, heads]. */
export interface TokenScoresNode {
  readonly op: 'tokenScores';
  readonly name: string;
  readonly bound: number;
  readonly query: number;
  readonly key: number;
  readonly heads: number;
  /** [heads, keys] */
  readonly offset?: Float32Array;
}

/** The values of all tokens, weighted by what became of the scores, added up: [1, features]. */
export interface TokenAttendNode {
  readonly op: 'tokenAttend';
  readonly name: string;
  readonly bound: number;
  readonly maps: number;
  readonly value: number;
  /** [heads, keys], 0 for keys after the new token. */
  readonly weights: Float32Array;
}

/** What only the compiler's own models have. */
export type OwnNode = RescaleNode | TokenInputNode | TokenScoresNode | TokenAttendNode;
export type ModelNode = GraphNode | OwnNode;
export type ModelOp = ModelNode['op'];
export type ModelNodeOf<Op extends ModelOp> = Extract<ModelNode, { readonly op: Op }>;

/** What the factor of a value follows from. */
export type FactorRule =
  /** Any factor, for nothing. */
  | { readonly kind: 'free' }
  /** That of these operands, who share it. */
  | { readonly kind: 'shared'; readonly operands: readonly number[] }
  /** The product of two; `changed` is the one to lower so that the product fits. */
  | { readonly kind: 'product'; readonly kept: number; readonly changed: number }
  /** So many times that of the operand. */
  | { readonly kind: 'multiple'; readonly operand: number; readonly times: number }
  /** 1 and no other. */
  | { readonly kind: 'one' };

/** Values that lie by heads because of a node. */
export interface ByHeads {
  readonly heads: number;
  /** Operands whose features belong to heads; the node's own do too, where its value is a matrix. */
  readonly matrices: readonly number[];
  /** The attention maps that the node reads. */
  readonly maps?: number;
}

/** Answers a question about an operand. */
export type AboutOperand = (operand: number) => boolean;

/** What an operation means for the slots that hold its value and those of its operands, before it is lowered. */
export interface Meaning<Node extends ModelNode> {
  factor(node: Node, shape: ValueShape): FactorRule;
  /** The operand whose factor has to be 1. */
  unit?(node: Node): number;
  /** The operand that has to have a factor, if that can be had. */
  wanted?(node: Node): { readonly operand: number; readonly factor: number };
  /** Operands that lie as the value does. */
  sameLayout(node: Node): readonly number[];
  byHeads?(node: Node, shapes: readonly ValueShape[]): ByHeads;
  /** Whether all rows of all blocks are alike. Absent: they are not. */
  isUniform?(node: Node, uniform: AboutOperand): boolean;
  /** Whether rows without a feature hold zero. */
  emptyRowsAreZero(node: Node, zero: AboutOperand): boolean;
  /** Whether all slots that belong to no number of the value hold zero, where there are such slots. */
  otherSlotsAreZero(node: Node, zero: AboutOperand, nodes: readonly ModelNode[]): boolean;
  /** The operand to be cleaned, where rows without a feature would spoil the value. Absent: it does not read them. */
  spoilt?(node: Node, unclean: AboutOperand): number | undefined;
  /** Whether a shift of its value rides on what it adds anyway. */
  readonly takesShift: boolean;
}

export type Meanings = Readonly<Record<ModelOp, Meaning<ModelNode>>>;
