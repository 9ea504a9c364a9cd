import type { Matrix } from '@cipherformer/model';
import type { SlotMatrix, SlotVector } from '@cipherformer/runtime';
import type { Geometry } from './geometry.ts';
import type { RowLayout } from './layout.ts';
import { type Way, waysOf } from './packings.ts';

/** Places of an example in a ciphertext, row by row. */
const placesIn = ({ rows, windows, paddedTokens }: Geometry): number => rows * windows * paddedTokens;

/**
 * Many outputs of one row of features that stands at every token: output d is at place d of the ciphertexts of an example, in its
 * slots, token after token of a row and row after row. So as many outputs as there are slots take one ciphertext and a diagonal for
 * each feature, where a feature's row would hold one output and copies of it.
 */
export class ScatterMatrix implements SlotMatrix {
  readonly outputs: number;
  readonly #geometry: Geometry;
  readonly #input: RowLayout;
  readonly #weight: Matrix;
  readonly #scale: number;

  constructor(geometry: Geometry, input: RowLayout, weight: Matrix, scale: number) {
    this.#geometry = geometry;
    this.#input = input;
    this.#weight = weight;
    this.#scale = scale;
    this.outputs = scatteredCiphertexts(geometry, weight.rows);
  }

  ways(): Way[] {
    const { rowLength, slots } = this.#geometry;
    return waysOf(this, { inputs: this.#input.blocks.length, outputs: this.outputs }, rowLength, slots);
  }

  rotations(_output: number, _input: number): readonly number[] {
    return Array.from({ length: this.#input.period }, (_, turn) => turn * this.#geometry.rowLength);
  }

  diagonal(output: number, input: number, rotation: number): Float64Array {
    const { rowLength, slots } = this.#geometry;
    const features = this.#input.blocks[input]!;
    const { values, columns } = this.#weight;
    const turn = rotation / rowLength;
    const result = new Float64Array(slots);
    forEachPlace(this.#geometry, this.#weight.rows, output, (row, slot, place) => {
      const feature = features[(row + turn) & (features.length - 1)]!;
      if (feature >= 0) result[slot] = this.#scale * values[place * columns + feature]!;
    });
    return result;
  }
}

/** Ciphertexts that so many outputs take. */
export const scatteredCiphertexts = (geometry: Geometry, outputs: number): number =>
  Math.ceil(outputs / placesIn(geometry));

/** The slots of the outputs in a ciphertext, example after example. */
export function scatteredSlots(geometry: Geometry, outputs: number, ciphertext: number): Int32Array {
  const slots: number[] = [];
  // One example's outputs before the next one's, each in the order of the outputs.
  for (let example = 0; example < geometry.batch; example++)
    forEachPlace({ ...geometry, batch: 1 }, outputs, ciphertext, (_, slot) => {
      slots.push(slot + example * geometry.windows * geometry.paddedTokens);
    });
  return Int32Array.from(slots);
}

/** A number for each output, in its slots. */
export function scatteredVectors(geometry: Geometry, numbers: ArrayLike<number>): SlotVector[] {
  return Array.from({ length: scatteredCiphertexts(geometry, numbers.length) }, (_, ciphertext) => ({
    values() {
      const result = new Float64Array(geometry.slots);
      forEachPlace(geometry, numbers.length, ciphertext, (_, slot, output) => {
        result[slot] = numbers[output]!;
      });
      return result;
    },
  }));
}

function forEachPlace(
  geometry: Geometry,
  outputs: number,
  ciphertext: number,
  visit: (row: number, slot: number, output: number) => void,
): void {
  const { batch, rowLength, windows, paddedTokens } = geometry;
  const tokens = windows * paddedTokens;
  const first = ciphertext * placesIn(geometry);
  const count = Math.min(placesIn(geometry), outputs - first);
  for (let place = 0; place < count; place++) {
    const row = Math.floor(place / tokens);
    for (let example = 0; example < batch; example++)
      visit(row, row * rowLength + example * tokens + (place % tokens), first + place);
  }
}
