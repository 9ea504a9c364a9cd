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
    const unclean = (value: number) => hasEmptyRows(layouts[value]!) && !emptyRowsAreZero(model.nodes, value);
    if (node.op === 'meanFeatures' && unclean(node.input))
      return zeroEmptyRows(insertRescale(model, node.input, i), geometry);
    if (node.op === 'scores' && unclean(node.query) && unclean(node.key))
      return zeroEmptyRows(insertRescale(model, node.key, i), geometry);
  }
  return model;
}

export function hasEmptyRows(layout: ValueLayout): boolean {
  return layout.kind === 'matrix' && layout.rows.blocks.some((block) => block.includes(-1));
}

/** Whether rows without a feature hold zero. */
export function emptyRowsAreZero(nodes: Model['nodes'], value: number): boolean {
  const zero = (operand: number) => emptyRowsAreZero(nodes, operand);
  const node = nodes[value]!;
  switch (node.op) {
    case 'input':
    case 'linear':
    case 'rescale':
      return true;
    case 'add':
      return zero(node.left) && zero(node.right);
    case 'multiply':
      return zero(node.left) || zero(node.right);
    case 'addTable':
    case 'maskTokens':
    case 'pool':
      return zero(node.input);
    case 'attend':
      return zero(node.value);
    default:
      return false;
  }
}

/** A model with its values in slots. */
interface LaidOut {
  readonly nodes: Model['nodes'];
  readonly layouts: readonly ValueLayout[];
  readonly geometry: Geometry;
}

/**
 * Whether all slots that belong to no number of a value hold zero: rows without a feature, padding tokens, tokens after a
 * pool, slots of maps without a pair. Polynomials make p(0) of them, attention what those make of its values, a pool parts of
 * its sum.
 */
export function otherSlotsAreZero(model: LaidOut, value: number): boolean {
  const zero = (operand: number) => otherSlotsAreZero(model, operand);
  const node = model.nodes[value]!;
  if (!hasOtherSlots(model, value)) return true;
  switch (node.op) {
    case 'input':
    case 'rescale':
      return true;
    case 'linear':
      return model.nodes[node.input]!.op !== 'pool';
    case 'add':
      return zero(node.left) && zero(node.right);
    case 'scores':
      return zero(node.query) && zero(node.key);
    case 'multiply':
      return zero(node.left) || zero(node.right);
    case 'addTable':
    case 'maskTokens':
    case 'meanFeatures':
      return zero(node.input);
    case 'pool':
    case 'polynomial':
    case 'attend':
      return false;
  }
}

function hasOtherSlots({ layouts, geometry }: LaidOut, value: number): boolean {
  const layout = layouts[value]!;
  if (layout.kind === 'matrix') return hasEmptyRows(layout) || layout.tokens < geometry.paddedTokens;
  const { heads, headsPerBlock, blocks } = layout.heads;
  return geometry.tokens < geometry.paddedTokens || heads < headsPerBlock * blocks;
}
