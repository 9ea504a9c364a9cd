import { windowOrder } from '@cipherformer/model';
import { UnsupportedPartError } from '../errors.ts';
import { normAt, patchStages, type Stage } from '../transformer/config.ts';
import { neighbours, windowShift } from '../transformer/windows.ts';
import { applyFeatures, applyLinear, type Dense, identityMap, toDense, type View } from './affine.ts';
import { toMatrix, viewOf } from './graph-builder.ts';
import { block } from './lower-block.ts';
import { type Lowering, storedStatistics } from './lowering.ts';

/**
 * The blocks of a Swin transformer on patches [tokens, width], which come window by window. Before a block whose windows are
 * moved the whole stream is brought into its order (one level), so that attention is within windows of consecutive tokens
 * everywhere; nothing else minds the order. Levels: one where windows move, two where patches merge.
 */
export function lowerStages(lowering: Lowering, patches: View): View {
  const { graph } = lowering;
  let x = patches;
  let layer = 0;
  let order: readonly number[] = [];
  for (const [i, stage] of patchStages(lowering.config).entries()) {
    const { config, grid, window, layers } = stage;
    if (i > 0) x = merge(lowering, `stages.${i}.merge`, x, order, stage);
    order = windowOrder(grid, window);
    for (let n = 0; n < layers; n++, layer++) {
      const name = `layers.${layer}`;
      const shift = windowShift(stage, n);
      const moved = windowOrder(grid, window, shift);
      const node = graph.materialise(`${name}.stream`, x);
      x = viewOf(graph.takeRows(`${name}.windows`, node, placesOf(moved, order)), x.width);
      order = moved;
      const all = { rows: order.length, tokens: window ** 2 };
      const windows = shift > 0 ? { ...all, sees: neighbours(stage, shift) } : all;
      x = block({ ...lowering, config, windows }, name, x, undefined);
    }
  }
  return x;
}

/** Where the places of a grid stand in an order. */
function placesOf(wanted: readonly number[], order: readonly number[]): number[] {
  const at = new Map(order.map((place, i) => [place, i]));
  return wanted.map((place) => at.get(place)!);
}

/**
 * Two by two patches as one of twice their width: a linear map of each of the four, whose results are brought together and
 * added, in the order of the next stage's windows. A normalisation of the four together folds into the maps.
 */
function merge(lowering: Lowering, name: string, x: View, order: readonly number[], stage: Stage): View {
  const { graph, stored } = lowering;
  const { width, norm } = stage.config;
  const four = 4 * x.width;
  const part = normAt(stage.config, `${name}.norm`, norm);
  const statistics = part.kind === 'none' ? undefined : storedStatistics(stored, `${name}.norm`, part, four);
  if (!statistics && part.kind !== 'none')
    throw new UnsupportedPartError(
      `${name}.norm`,
      `${part.kind} normalisation divides by a root. Freeze its denominator (kind "frozen"), or train with "batch".`,
    );
  const input = graph.materialise(`${name}.stream`, x);
  const together: View = { node: input, width: four, map: identityMap };
  const normed = statistics ? applyFeatures(together, statistics.centre, statistics.scale, statistics.shift) : together;
  const merged = applyLinear(normed, stored.matrix(`${name}.weight`, width, four));
  const weight = toDense(merged);
  const columns = 2 * stage.grid[1];
  const places = windowOrder(stage.grid, stage.window);
  // Within four: the first column's two rows, then the second's.
  const corners = [0, columns, 1, columns + 1];
  const parts = corners.map((corner, k) => {
    const bias = k === 0 && merged.map.bias ? { bias: Float32Array.from(merged.map.bias) } : {};
    const matrix = toMatrix(sliceColumns(weight, k * x.width, (k + 1) * x.width));
    const linear = graph.push(`${name}.part${k}`, { op: 'linear', input, weight: matrix, ...bias });
    const from = places.map((place) => {
      const [row, column] = [Math.floor(place / stage.grid[1]), place % stage.grid[1]];
      return 2 * row * columns + 2 * column + corner;
    });
    return graph.takeRows(`${name}.part${k}.rows`, linear, placesOf(from, order));
  });
  const sum = parts.reduce((left, right, k) => graph.push(`${name}.sum${k}`, { op: 'add', left, right }));
  return viewOf(sum, width);
}

function sliceColumns({ rows, columns, values }: Dense, from: number, to: number): Dense {
  const size = to - from;
  const part = Float64Array.from(
    { length: rows * size },
    (_, i) => values[Math.floor(i / size) * columns + from + (i % size)]!,
  );
  return { rows, columns: size, values: part };
}
