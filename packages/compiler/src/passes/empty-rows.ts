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
    const meaning = model.meanings[node.op];
    // What wants its argument in an interval wants it there in all slots.
    const cause = meaning.wanted ? causeOfOtherSlots({ ...model, layouts, geometry }, i) : undefined;
    if (cause) return zeroEmptyRows(insertRescale(model, cause.producer, cause.consumer), geometry);
    const unclean = (value: number) => hasEmptyRows(layouts[value]!) && !emptyRowsAreZero(model, value);
    const spoilt = meaning.spoilt?.(node, unclean);
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
  if (!hasOtherSlots(model, value)) return true;
  const { nodes, meanings } = model;
  const node = nodes[value]!;
  const zero = (operand: number) =>
    otherSlotsAreZero(model, operand) &&
    (isUniform(model, value) || !isUniform(model, operand) || !hasEmptyRows(model.layouts[operand]!));
  return meanings[node.op].otherSlotsAreZero(node, zero, nodes);
}

function isUniform({ layouts }: LaidOut, value: number): boolean {
  const layout = layouts[value]!;
  return layout.kind === 'matrix' && layout.uniform;
}

function hasOtherSlots({ layouts, geometry }: LaidOut, value: number): boolean {
  const layout = layouts[value]!;
  const { windows, tokens } = layout.extent;
  if (tokens < geometry.paddedTokens || windows < geometry.windows) return true;
  if (layout.kind === 'matrix') return hasEmptyRows(layout);
  const { heads, headsPerBlock, blocks } = layout.heads;
  return heads < headsPerBlock * blocks;
}
