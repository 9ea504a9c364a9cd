import { modulo } from '@cipherformer/base';
import { type LinearInstruction, type LinearPacking, PackedTransform, type SlotMatrix } from '@cipherformer/runtime';
import { babyGiantSteps } from './steps.ts';

/** A linear map between this many ciphertexts. */
export interface MapShape {
  readonly inputs: number;
  readonly outputs: number;
}

/** One way to compute a linear map. */
export type Way = Pick<LinearInstruction, 'babySteps' | 'giantSteps' | 'packing' | 'dividesBabies'>;

/**
 * A matrix that repeats this often is encoded so compactly that all diagonals fit at once, and that baby rotations are not worth
 * dividing.
 */
const compactRepeats = 16;

/**
 * The ways to compute a linear map worth comparing: in real slots, and packed with half the diagonals; with baby rotations
 * divided or not. The cheapest depends on the level, the numbers of ciphertexts and the diagonals, so their costs decide.
 * @param unit all rotations are multiples of it
 */
export function waysOf(matrix: SlotMatrix, { inputs, outputs }: MapShape, unit: number, slots: number): Way[] {
  const registers = (length: number) => Array.from({ length }, (_, i) => i);
  const shape = { inputs: registers(inputs), outputs: registers(outputs), matrix };
  const turn = halfTurn(matrix, shape, slots);
  const packings = [
    undefined,
    ...(outputs > 1 ? [pairedOutputs(inputs, outputs)] : []),
    ...(inputs > 1 ? [pairedInputs(inputs, outputs)] : []),
    ...(turn === undefined ? [] : [turnedInputs(inputs, outputs, turn)]),
  ];
  return packings.flatMap((packing) => stepsOf({ ...shape, ...(packing && { packing }) }, unit, slots));
}

/** The same for a matrix of `blocks` equal blocks on its diagonal, which may keep its pairs from inputs to outputs. */
export function blockWays(matrix: SlotMatrix, blocks: number, unit: number, slots: number): Way[] {
  if (blocks === 1) return waysOf(matrix, { inputs: 1, outputs: 1 }, unit, slots);
  const registers = Array.from({ length: blocks }, (_, i) => i);
  const shape = { inputs: registers, outputs: registers, matrix };
  const packing = { inputs: pairs(blocks).map(paired), outputs: pairs(blocks) };
  return [shape, { ...shape, packing }].flatMap((each) => stepsOf(each, unit, slots));
}

function stepsOf(
  shape: Pick<LinearInstruction, 'inputs' | 'outputs' | 'matrix' | 'packing'>,
  unit: number,
  slots: number,
): Way[] {
  const transform = new PackedTransform(shape, slots);
  const { inputs, outputs, period = slots } = transform;
  const turns = outputs.flatMap((_, o) =>
    inputs.flatMap((_, i) => transform.rotations(o, i).map((rotation) => signed(rotation, slots) / unit)),
  );
  // A map that is all zeros still needs a result: its diagonal 0.
  if (turns.length === 0) turns.push(0);
  const isCompact = period * compactRepeats <= slots;
  return (isCompact ? [false] : [false, true]).map((dividesBabies) => ({
    ...babyGiantSteps(turns, unit, slots, {
      inputs: inputs.length,
      outputs: outputs.length,
      diagonals: isCompact ? 0 : turns.length,
      dividesBabies,
    }),
    ...(shape.packing && { packing: shape.packing }),
    ...(dividesBabies && { dividesBabies }),
  }));
}

/** Every input as it is; outputs two by two. */
function pairedOutputs(inputs: number, outputs: number): LinearPacking {
  return { inputs: Array.from({ length: inputs }, (_, real) => ({ real })), outputs: pairs(outputs) };
}

/** Inputs two by two, for the real parts of all outputs. */
function pairedInputs(inputs: number, outputs: number): LinearPacking {
  return { inputs: pairs(inputs).map(paired), outputs: Array.from({ length: outputs }, (_, real) => ({ real })) };
}

/** Every input with itself turned, for the real parts of all outputs. */
function turnedInputs(inputs: number, outputs: number, turn: number): LinearPacking {
  return {
    inputs: Array.from({ length: inputs }, (_, real) => ({ real, imaginary: { input: real, turn } })),
    outputs: Array.from({ length: outputs }, (_, real) => ({ real })),
  };
}

/** (0, 1), (2, 3), ...; an odd last one alone. */
function pairs(count: number): LinearPacking['outputs'] {
  return Array.from({ length: Math.ceil(count / 2) }, (_, k) => ({
    real: 2 * k,
    ...(2 * k + 1 < count && { imaginary: 2 * k + 1 }),
  }));
}

function paired({ real, imaginary }: LinearPacking['outputs'][number]): LinearPacking['inputs'][number] {
  return { real, ...(imaginary !== undefined && { imaginary: { input: imaginary, turn: 0 } }) };
}

/**
 * The turn that pairs all rotations of a progression: half the least number of rotations between two ciphertexts, from
 * one rotation to the next. Undefined where no two ciphertexts have two rotations.
 */
function halfTurn(
  matrix: SlotMatrix,
  { inputs, outputs }: Pick<LinearInstruction, 'inputs' | 'outputs'>,
  slots: number,
): number | undefined {
  const lists = outputs.flatMap((_, o) => inputs.map((_, i) => matrix.rotations(o, i)));
  const several = lists.filter(({ length }) => length > 1);
  if (several.length === 0) return undefined;
  const shortest = several.reduce((a, b) => (b.length < a.length ? b : a));
  const sorted = shortest.map((rotation) => signed(rotation, slots)).sort((a, b) => a - b);
  const gap = Math.min(...sorted.slice(1).map((rotation, k) => rotation - sorted[k]!));
  return modulo(gap * 2 ** (Math.ceil(Math.log2(shortest.length)) - 1), slots);
}

/** In (-slots / 2, slots / 2]. */
function signed(rotation: number, slots: number): number {
  return rotation > slots / 2 ? rotation - slots : rotation;
}
