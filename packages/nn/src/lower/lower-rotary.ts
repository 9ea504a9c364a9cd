import { type RotaryConfig, rotaryPair, rotaryTables } from '../transformer/rotary.ts';
import { applyLinear, type Dense, type View } from './affine.ts';
import type { Projection } from './lower-distance.ts';
import type { Lowering } from './lowering.ts';

/**
 * Queries or keys turned by their positions, [tokens, heads * headWidth]: a pair (a, b) of features becomes
 * (a cos - b sin, b cos + a sin), as the projection times a table of cosines plus the projection with each pair exchanged times
 * a table of signed sines. The angles are public, so the tables are constants. Returns the node. Levels: 2, of which the
 * tables are 1.
 */
export function lowerRotary(
  { graph }: Lowering,
  name: string,
  view: View,
  { weight, bias }: Projection,
  positions: RotaryConfig,
  headWidth: number,
): number {
  const { tokens } = graph;
  const { rows, columns } = weight;
  const half = headWidth / 2;
  const { cos, sin } = rotaryTables(positions, headWidth, tokens);
  const cosines: Dense = { rows: tokens, columns: rows, values: new Float64Array(tokens * rows) };
  const sines: Dense = { rows: tokens, columns: rows, values: new Float64Array(tokens * rows) };
  const exchanged: Dense = { rows, columns, values: new Float64Array(rows * columns) };
  const exchangedBias = bias && new Float64Array(rows);
  for (let head = 0; head < rows; head += headWidth) {
    for (let i = 0; i < half; i++) {
      const [a, b] = rotaryPair(positions, headWidth, i).map((feature) => head + feature) as [number, number];
      for (const [to, from, sign] of [[a, b, -1], [b, a, 1]] as const) {
        exchanged.values.set(weight.values.subarray(from * columns, (from + 1) * columns), to * columns);
        if (exchangedBias) exchangedBias[to] = bias[from]!;
        for (let t = 0; t < tokens; t++) {
          cosines.values[t * rows + to] = cos[t * half + i]!;
          sines.values[t * rows + to] = sign * sin[t * half + i]!;
        }
      }
    }
  } // biome-ignore format: the two features of a pair
  const turned = (part: string, matrix: Dense, constants: Float64Array | undefined, table: Dense) =>
    graph.multiplyTable(
      `${name}.${part}`,
      graph.materialise(`${name}.${part}.features`, applyLinear(view, matrix, constants)),
      table,
    );
  const left = turned('cosines', weight, bias, cosines);
  const right = turned('sines', exchanged, exchangedBias, sines);
  return graph.push(name, { op: 'add', left, right });
}
