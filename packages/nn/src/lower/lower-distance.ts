import { applyLinear, type Dense, type View } from './affine.ts';
import { viewOf } from './graph-builder.ts';
import type { Lowering } from './lowering.ts';

/** Rows of one of the maps to queries, keys or values, head-major. */
export interface Projection {
  readonly weight: Dense;
  readonly bias?: Float64Array | undefined;
}

/**
 * Queries and keys whose products are -f |q - k|^2 / 2 (Gaussian kernel attention, Rho et al., ICLR 2025), f a head's
 * factor: two features more a head,
 *   [f q, 1, -f |q|^2 / 2] . [k, -f |k|^2 / 2, 1] = f q.k - f |k|^2 / 2 - f |q|^2 / 2.
 * `query` has its factors already. Returns the nodes of queries and keys, [tokens, heads * (headWidth + 2)]. Levels: 3, of
 * which the squares and their sums are 2 more than products take.
 */
export function lowerDistance(
  lowering: Lowering,
  name: string,
  view: View,
  { query, key, factors }: { readonly query: Projection; readonly key: Projection; readonly factors: Float64Array },
): readonly [number, number] {
  // The query's squares carry f^2: -f |q|^2 / 2 = -(f q)^2 / (2 f). A head of factor 0 has scores of 0.
  const ofQuery = factors.map((f) => (f === 0 ? 0 : -1 / (2 * f)));
  const ofKey = factors.map((f) => -f / 2);
  return [
    extended(lowering, `${name}.query`, view, query, { one: 0, square: 1, weights: ofQuery }),
    extended(lowering, `${name}.key`, view, key, { one: 1, square: 0, weights: ofKey }),
  ];
}

/** A projection with a constant 1 and the weighted sum of its squares after each head's features, at these places. */
function extended(
  { graph }: Lowering,
  name: string,
  view: View,
  { weight, bias }: Projection,
  extra: { readonly one: number; readonly square: number; readonly weights: Float64Array },
): number {
  const heads = extra.weights.length;
  const headWidth = weight.rows / heads;
  const wide = headWidth + 2;
  const { columns } = weight;
  const spread: Dense = { rows: heads * wide, columns, values: new Float64Array(heads * wide * columns) };
  const offsets = new Float64Array(heads * wide);
  const sums: Dense = { rows: heads * wide, columns: heads * wide, values: new Float64Array((heads * wide) ** 2) };
  for (let h = 0; h < heads; h++) {
    for (let f = 0; f < headWidth; f++) {
      const from = h * headWidth + f;
      const to = h * wide + f;
      spread.values.set(weight.values.subarray(from * columns, (from + 1) * columns), to * columns);
      offsets[to] = bias?.[from] ?? 0;
      sums.values[(h * wide + headWidth + extra.square) * sums.columns + to] = extra.weights[h]!;
    }
    offsets[h * wide + headWidth + extra.one] = 1;
  }
  const features = graph.materialise(`${name}.features`, applyLinear(view, spread, offsets));
  const squares = graph.push(`${name}.squares`, { op: 'multiply', left: features, right: features });
  const norms = graph.materialise(`${name}.norms`, applyLinear(viewOf(squares, heads * wide), sums));
  return graph.push(name, { op: 'add', left: features, right: norms });
}
