import type { Program } from '@cipherformer/approx';

/**
 * A transformer in polynomial form: what conversion makes, what the float64 evaluator runs and what the compiler turns
 * into an encrypted program. Every normalisation with stored statistics, every scale and every gain is already folded
 * into a neighbouring linear map, so each node is additions and multiplications only.
 *
 * Values are matrices [tokens, features], or attention maps [heads, tokens (query), tokens (key)]. Node i makes value i;
 * operands are numbers of earlier nodes.
 */
export interface PolynomialGraph {
  /** The public length of the sequence: the number of rows of every value (the bucket, for text). */
  readonly tokens: number;
  readonly nodes: readonly GraphNode[];
  /** The value of the logits, [1, outputs]. */
  readonly output: number;
}

/** [rows, columns], row-major. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

interface NodeBase {
  /** Unique, as the model's parts are named: "layers.0.attention.query". */
  readonly name: string;
  /**
   * Largest absolute value seen in calibration, times a margin. The compiler divides by it, so that slots stay in
   * [-1, 1] where a bootstrap needs that. For the input of a polynomial the polynomial's interval counts instead.
   * Infinite in a graph that was not calibrated.
   */
  readonly bound: number;
}

export type GraphNode = NodeBase &
  (
    | {
        /**
         * What the client encrypts: "patches" or "embedded" [tokens, features]; columns [tokens, 1]: "mask" (0/1), and
         * "pooling" (weights of the tokens that sum to 1).
         */
        readonly op: 'input';
        readonly features: number;
      }
    | {
        /** weight * x + bias for every token: weight [out, in], bias [out]. */
        readonly op: 'linear';
        readonly input: number;
        readonly weight: Matrix;
        readonly bias?: Float32Array;
      }
    | {
        /** x + table, [tokens, features]: positions, a class token (whose input row is zero). */
        readonly op: 'addTable';
        readonly input: number;
        readonly table: Matrix;
      }
    | { readonly op: 'add'; readonly left: number; readonly right: number }
    | { readonly op: 'multiply'; readonly left: number; readonly right: number }
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
        /** A polynomial program of every element, of a matrix or of maps. */
        readonly op: 'polynomial';
        readonly input: number;
        readonly program: Program;
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
    | {
        /** sum over t of weights[t] * x[t]: [1, features]. 1/L for a mean, one-hot for a class or the last token. */
        readonly op: 'pool';
        readonly input: number;
        readonly weights: Float32Array;
      }
  );

export type GraphOp = GraphNode['op'];
export type NodeOf<Op extends GraphOp> = Extract<GraphNode, { readonly op: Op }>;
