import { attentionOperations } from './lower-attention.ts';
import { elementwiseOperations } from './lower-elementwise.ts';
import { inputOperations } from './lower-input.ts';
import { linearOperations } from './lower-linear.ts';
import { tokenOperations } from './lower-token.ts';
import type { ModelNode, ModelOp } from './meaning.ts';
import type { Operation, Operations } from './operation.ts';

const definitions: Operations<ModelOp> = {
  ...inputOperations,
  ...linearOperations,
  ...elementwiseOperations,
  ...attentionOperations,
  ...tokenOperations,
};

/** What every operation means and how it is lowered, each told once. */
export const operations: Readonly<Record<ModelOp, Operation<ModelNode>>> = definitions;
