import { z } from 'zod';
import type { OperationTable } from './definition.ts';
import { laterVector, type NodeBase, operand, optionalVector, plain, sizeSchema } from './fields.ts';
import * as kernels from './kernels.ts';

/** What makes attention maps and what reads them. */
export type AttentionNode = NodeBase &
  (
    | {
        /**
         * sum over f of query[t, h, f] * key[j, h, f] + offset, j the tokens of t's window: maps [heads, tokens, window].
         * Features are head-major, h * headWidth + f. Scale factors ride on the query's weights. The offset is [heads] or of
         * the maps' shape.
         */
        readonly op: 'scores';
        readonly query: number;
        readonly key: number;
        readonly heads: number;
        readonly offset?: Float32Array;
      }
    | {
        /**
         * sum over the visible j of weights[h, t, j] * maps[h, t, j] * value[j, h, f]: [tokens, heads * headWidth].
         * Visible are the tokens of t's window; causal: of these j <= t.
         */
        readonly op: 'attend';
        readonly maps: number;
        readonly value: number;
        readonly causal: boolean;
        /** Constants in [-1, 1] of the maps' shape; absent: 1. They are masks on the values, which have levels to spare. */
        readonly weights?: Float32Array;
      }
  );

export const attentionOperations: OperationTable<AttentionNode> = {
  scores: {
    fields: { query: operand, key: operand, heads: plain(sizeSchema), offset: optionalVector },
    levels: () => 1,
    shape({ heads, offset, ...node }, { tokens, window, matrixOf, expectLength, fail }) {
      const query = matrixOf(node.query, 'query');
      const key = matrixOf(node.key, 'key');
      const { rows } = query;
      const whole = window === tokens ? rows === tokens : rows % window === 0;
      if (!whole || key.rows !== rows || query.columns !== key.columns) {
        fail(`query [${query.rows}, ${query.columns}] and key [${key.rows}, ${key.columns}] do not fit.`);
      }
      if (query.columns % heads !== 0) fail(`${query.columns} features do not divide into ${heads} heads.`);
      const every = heads * rows * window;
      if (offset) expectLength(offset, offset.length === every ? every : heads, 'offset');
      return { heads, rows, columns: window };
    },
    evaluation(node, { window, shapeOf }) {
      const { query, key, heads } = node;
      const { rows, columns } = shapeOf(query);
      const sizes = { rows, window, heads, headWidth: columns / heads };
      return (values, out) => kernels.scores(values[query]!, values[key]!, sizes, node.offset, out);
    },
  },
  attend: {
    fields: { maps: operand, value: operand, causal: plain(z.boolean()), weights: laterVector },
    levels: () => 1,
    shape({ weights, ...node }, { shapeOf, matrixOf, expectLength, fail }) {
      const { heads, rows, columns } = shapeOf(node.maps);
      const value = matrixOf(node.value, 'value');
      if (heads === undefined) return fail('maps have to come from scores.');
      if (value.rows !== rows || value.columns % heads !== 0) {
        fail(`the value [${value.rows}, ${value.columns}] does not fit ${heads} heads of ${rows} tokens.`);
      }
      if (weights) {
        expectLength(weights, heads * rows * columns, 'weights');
        const wrong = weights.findIndex((weight) => !(Math.abs(weight) <= 1));
        if (wrong >= 0) {
          fail(`weights[${wrong}] is ${weights[wrong]}: scale each head into [-1, 1] and give the value the factor.`);
        }
      }
      return value;
    },
    evaluation(node, { window, shape, shapeOf }) {
      const { maps, value } = node;
      const heads = shapeOf(maps).heads!;
      const sizes = { rows: shape.rows, window, heads, headWidth: shape.columns / heads };
      return (values, out) => kernels.attend(values[maps]!, values[value]!, sizes, node, out);
    },
  },
};
