import type { NodeOf } from '@cipherformer/model';
import type { Geometry } from '../packing/geometry.ts';
import { chooseLayouts, type ValueLayout } from './layouts.ts';
import { insertRescale, type Model, operandNumbers } from './model.ts';

/**
 * Rows without a feature hold zero, but after a polynomial, whose value at 0 may be another. Linear maps do not read them;
 * a mean over the features and the products of attention do: there a rescale (one level) puts zeros back. So it does before a
 * polynomial for all slots without a number: out of range there, an argument explodes as it does elsewhere.
 */
export function zeroEmptyRows(model: Model, geometry: Geometry): Model {
  const layouts = chooseLayouts(model, geometry);
  for (const [i, node] of model.nodes.entries()) {
    const cause = node.op === 'polynomial' ? causeOfOtherSlots({ ...model, layouts, geometry }, i) : undefined;
    if (cause) return zeroEmptyRows(insertRescale(model, cause.producer, cause.consumer), geometry);
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

/** Whether a pool takes the first token as it is: it needs no sum, and leaves zeros at the other tokens. */
export function takesFirstToken({ weights }: NodeOf<'pool'>): boolean {
  return weights.every((weight, token) => token === 0 || weight === 0);
}

/**
 * Where to put zeros so that the argument of a polynomial has none but its numbers. A value that is alike in all rows is one
 * ciphertext only as long as no rescale reads it, so there it is what it is made of.
 */
function causeOfOtherSlots(model: LaidOut, polynomial: number): { producer: number; consumer: number } | undefined {
  const unclean = (at: number) =>
    operandNumbers(model.nodes[at]!).find((operand) => !otherSlotsAreZero(model, operand));
  let consumer = polynomial;
  let producer = unclean(consumer);
  while (producer !== undefined && isUniform(model, producer)) {
    const next = unclean(producer);
    if (next === undefined) break;
    consumer = producer;
    producer = next;
  }
  return producer === undefined ? undefined : { producer, consumer };
}

/**
 * Whether all slots that belong to no number of a value hold zero: rows without a feature, padding tokens, tokens after a
 * pool, slots of maps without a pair. Polynomials make p(0) of them, attention what those make of its values, a pool parts of
 * its sum. A value that is alike in all rows has its number in those without a feature too.
 */
export function otherSlotsAreZero(model: LaidOut, value: number): boolean {
  const zero = (operand: number) =>
    otherSlotsAreZero(model, operand) &&
    (isUniform(model, value) || !isUniform(model, operand) || !hasEmptyRows(model.layouts[operand]!));
  const node = model.nodes[value]!;
  if (!hasOtherSlots(model, value)) return true;
  switch (node.op) {
    case 'input':
    case 'rescale':
      return true;
    case 'linear': {
      const input = model.nodes[node.input]!;
      return input.op !== 'pool' || takesFirstToken(input);
    }
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
      return takesFirstToken(node);
    case 'polynomial':
    case 'attend':
      return false;
  }
}

function isUniform({ layouts }: LaidOut, value: number): boolean {
  const layout = layouts[value]!;
  return layout.kind === 'matrix' && layout.uniform;
}

function hasOtherSlots({ layouts, geometry }: LaidOut, value: number): boolean {
  const layout = layouts[value]!;
  if (layout.kind === 'matrix') return hasEmptyRows(layout) || layout.tokens < geometry.paddedTokens;
  const { heads, headsPerBlock, blocks } = layout.heads;
  return geometry.tokens < geometry.paddedTokens || heads < headsPerBlock * blocks;
}
