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
