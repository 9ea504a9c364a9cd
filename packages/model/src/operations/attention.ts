import { z } from 'zod';
import type { OperationTable } from './definition.ts';
import { laterVector, type NodeBase, operand, optionalVector, plain, sizeSchema } from './fields.ts';
import * as kernels from './kernels.ts';

/** What makes attention maps and what reads them. */
export type AttentionNode = NodeBase &
  (
    | {
        /**
         * sum over f of query[t, h, f] * key[j, h, f] + offset: maps [heads, tokens, tokens]. Features are head-major,
         * h * headWidth + f. Scale factors ride on the query's weights. The offset is [heads] or [heads, tokens, tokens].
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
         * Causal: j <= t.
         */
        readonly op: 'attend';
        readonly maps: number;
        readonly value: number;
        readonly causal: boolean;
        /**
         * Constants [heads, tokens, tokens] in [-1, 1]; absent: 1. Causal attention only: there they ride on the mask
         * and cost no level.
         */
        readonly weights?: Float32Array;
      }
  );

export const attentionOperations: OperationTable<AttentionNode> = {
  scores: {
    fields: { query: operand, key: operand, heads: plain(sizeSchema), offset: optionalVector },
    levels: () => 1,
    shape({ heads, offset, ...node }, { tokens, matrixOf, expectLength, fail }) {
      const query = matrixOf(node.query, 'query');
      const key = matrixOf(node.key, 'key');
      if (query.rows !== tokens || key.rows !== tokens || query.columns !== key.columns) {
        fail(`query [${query.rows}, ${query.columns}] and key [${key.rows}, ${key.columns}] do not fit.`);
      }
      if (query.columns % heads !== 0) fail(`${query.columns} features do not divide into ${heads} heads.`);
      const every = heads * tokens ** 2;
      if (offset) expectLength(offset, offset.length === every ? every : heads, 'offset');
      return { heads, rows: tokens, columns: tokens };
    },
    evaluation(node, { tokens, shapeOf }) {
      const { query, key, heads } = node;
      const headWidth = shapeOf(query).columns / heads;
      return (values, out) => kernels.scores(values[query]!, values[key]!, tokens, headWidth, node, out);
    },
  },
  attend: {
    fields: { maps: operand, value: operand, causal: plain(z.boolean()), weights: laterVector },
    levels: () => 1,
    shape({ causal, weights, ...node }, { tokens, shapeOf, matrixOf, expectLength, fail }) {
      const { heads } = shapeOf(node.maps);
      const value = matrixOf(node.value, 'value');
      if (heads === undefined) return fail('maps have to come from scores.');
      if (value.rows !== tokens || value.columns % heads !== 0) {
        fail(`the value [${value.rows}, ${value.columns}] does not fit ${heads} heads of ${tokens} tokens.`);
      }
      if (weights) {
        if (!causal) fail('weights without a causal mask: leave them out, or make the attention causal.');
        expectLength(weights, heads * tokens ** 2, 'weights');
        const wrong = weights.findIndex((weight) => !(Math.abs(weight) <= 1));
        if (wrong >= 0) {
          fail(`weights[${wrong}] is ${weights[wrong]}: scale each head into [-1, 1] and give the value the factor.`);
        }
      }
      return value;
    },
    evaluation(node, { tokens, shape, shapeOf }) {
      const { maps, value } = node;
      const heads = shapeOf(maps).heads!;
      const headWidth = shape.columns / heads;
      return (values, out) => kernels.attend(values[maps]!, values[value]!, tokens, heads, headWidth, node, out);
    },
  },
};
