import { z } from 'zod';
import type { OperationTable } from './definition.ts';
import { indexSchema, type NodeBase, operand, plain, vector } from './fields.ts';
import * as kernels from './kernels.ts';

/** Operations along or between the rows of a matrix, which are tokens. */
export type RowNode = NodeBase &
  (
    | {
        /** The mean over the features of each token, repeated for every feature: [tokens, features]. */
        readonly op: 'meanFeatures';
        readonly input: number;
      }
    | {
        /** Row t of x times the mask's row t (the mask is [tokens, 1]): hides padding that only the client knows of. */
        readonly op: 'maskTokens';
        readonly input: number;
        readonly mask: number;
      }
    | {
        /** sum over t of weights[t] * x[t]: [1, features]. 1/L for a mean, one-hot for a class or the last token. */
        readonly op: 'pool';
        readonly input: number;
        readonly weights: Float32Array;
      }
    | {
        /** Row rows[t] of x as row t: tokens in another order, or some of them. */
        readonly op: 'takeRows';
        readonly input: number;
        readonly rows: readonly number[];
      }
  );

/** What a node hides rows of, and by which mask; undefined for nodes that hide none. */
export const hidingOf = (node: {
  readonly op: string;
}): { readonly input: number; readonly mask: number } | undefined =>
  node.op === 'maskTokens' ? (node as Extract<RowNode, { readonly op: 'maskTokens' }>) : undefined;

export const rowOperations: OperationTable<RowNode> = {
  meanFeatures: {
    fields: { input: operand },
    // 1/width rides on a polynomial's interval.
    levels: () => 0,
    shape: ({ input }, { matrixOf }) => matrixOf(input, 'input'),
    evaluation: ({ input }, { shape: { rows, columns } }) => {
      const share = 1 / columns;
      return (values, out) => kernels.meanFeatures(values[input]!, rows, columns, share, out);
    },
  },
  maskTokens: {
    fields: { input: operand, mask: operand },
    levels: () => 1,
    shape(node, { matrixOf, fail }) {
      const x = matrixOf(node.input, 'input');
      const mask = matrixOf(node.mask, 'mask');
      if (mask.columns !== 1 || mask.rows !== x.rows) fail(`the mask has to be [${x.rows}, 1].`);
      return x;
    },
    evaluation:
      ({ input, mask }, { shape: { rows, columns } }) =>
      (values, out) =>
        kernels.maskTokens(values[input]!, values[mask]!, rows, columns, out),
  },
  pool: {
    fields: { input: operand, weights: vector },
    // The weights ride on the next linear map.
    levels: () => 0,
    shape({ input, weights }, { matrixOf, expectLength }) {
      const x = matrixOf(input, 'input');
      expectLength(weights, x.rows, 'weights');
      return { rows: 1, columns: x.columns };
    },
    evaluation:
      ({ input, weights }, { shape: { columns } }) =>
      (values, out) =>
        kernels.pool(values[input]!, weights, columns, out),
  },
  takeRows: {
    fields: { input: operand, rows: plain(z.array(indexSchema).min(1)) },
    // Moved by rotations, told apart by masks.
    levels: () => 1,
    shape({ input, rows }, { matrixOf, fail }) {
      const x = matrixOf(input, 'input');
      const wrong = rows.findIndex((row) => !(row < x.rows));
      if (wrong >= 0) fail(`rows[${wrong}] is ${rows[wrong]}: the input has ${x.rows} rows.`);
      return { rows: rows.length, columns: x.columns };
    },
    evaluation:
      ({ input, rows }, { shape: { columns } }) =>
      (values, out) =>
        kernels.takeRows(values[input]!, rows, columns, out),
  },
};
