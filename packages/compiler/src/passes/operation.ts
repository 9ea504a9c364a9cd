import type { KeptTensors } from './kept.ts';
import type { Lowering } from './lowering.ts';
import type { Meaning, ModelNode, ModelNodeOf, ModelOp } from './meaning.ts';
import type { SentinelLowering } from './sentinel.ts';
import type { Skews } from './skews.ts';

/** Where the instructions of nodes go. */
export interface LowerContext {
  readonly lowering: Lowering;
  readonly skews: Skews;
  readonly sentinel: SentinelLowering;
  /** Keys and values that go from run to run, where they do. */
  readonly kept?: KeptTensors;
}

/** All that the compiler knows of an operation. */
export interface Operation<Node extends ModelNode> extends Meaning<Node> {
  /** Makes the groups and the tensor of node `i`, and those of others that share its group. */
  lower(node: Node, i: number, context: LowerContext): void;
}

/** An entry for each of these operations, none left out. */
export type Operations<Op extends ModelOp> = { readonly [Each in Op]: Operation<ModelNodeOf<Each>> };
