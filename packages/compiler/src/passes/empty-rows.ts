import type { Geometry } from '../packing/geometry.ts';
import { chooseLayouts, type ValueLayout } from './layouts.ts';
import { insertRescale, type Model } from './model.ts';

/**
 * Rows without a feature hold zero, but after a polynomial, whose value at 0 may be another. Linear maps do not read them;
 * a mean over the features and the products of attention do: there a rescale (one level) puts zeros back.
 */
export function zeroEmptyRows(model: Model, geometry: Geometry): Model {
  const layouts = chooseLayouts(model, geometry);
  for (const [i, node] of model.nodes.entries()) {
    const unclean = (value: number) => hasEmptyRows(layouts[value]!) && !emptyRowsAreZero(model, value);
    const spoilt = model.meanings[node.op].spoilt?.(node, unclean);
    if (spoilt !== undefined) return zeroEmptyRows(insertRescale(model, spoilt, i), geometry);
  }
  return model;
}

export function hasEmptyRows(layout: ValueLayout): boolean {
  return layout.kind === 'matrix' && layout.rows.blocks.some((block) => block.includes(-1));
}

/** Whether rows without a feature hold zero. */
export function emptyRowsAreZero(model: Pick<Model, 'nodes' | 'meanings'>, value: number): boolean {
  const node = model.nodes[value]!;
  return model.meanings[node.op].emptyRowsAreZero(node, (operand) => emptyRowsAreZero(model, operand));
}

/** A model with its values in slots. */
interface LaidOut extends Pick<Model, 'nodes' | 'meanings'> {
  readonly layouts: readonly ValueLayout[];
  readonly geometry: Geometry;
}

/**
 * Whether all slots that belong to no number of a value hold zero: rows without a feature, padding tokens, tokens after a
 * pool, slots of maps without a pair. Polynomials make p(0) of them, attention what those make of its values, a pool parts of
 * its sum.
 */
export function otherSlotsAreZero(model: LaidOut, value: number): boolean {
  if (!hasOtherSlots(model, value)) return true;
  const { nodes, meanings } = model;
  const node = nodes[value]!;
  return meanings[node.op].otherSlotsAreZero(node, (operand) => otherSlotsAreZero(model, operand), nodes);
}

function hasOtherSlots({ layouts, geometry }: LaidOut, value: number): boolean {
  const layout = layouts[value]!;
  if (layout.kind === 'matrix') return hasEmptyRows(layout) || layout.tokens < geometry.paddedTokens;
  const { heads, headsPerBlock, blocks } = layout.heads;
  return geometry.tokens < geometry.paddedTokens || heads < headsPerBlock * blocks;
}
