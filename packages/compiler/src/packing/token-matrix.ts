import { modulo } from '@cipherformer/base';
import type { SlotMatrix } from '@cipherformer/runtime';
import { type Geometry, tokenSlot } from './geometry.ts';
import { blockWays, type Way } from './packings.ts';
import { repeatedRows } from './vectors.ts';

/**
 * Tokens in another order, or some of them: out[t] = scale * x[rows[t]] in every row of every ciphertext. Tokens that move
 * by the same number of slots share a rotation, whose mask tells them from the others.
 */
export class TokenMatrix implements SlotMatrix {
  readonly period: number;
  readonly #geometry: Geometry;
  readonly #scale: number;
  /** By rotation, the places in a row of what it brings. */
  readonly #places = new Map<number, number[]>();

  constructor(geometry: Geometry, rows: readonly number[], scale: number) {
    this.#geometry = geometry;
    this.#scale = scale;
    this.period = geometry.rowLength;
    for (let example = 0; example < geometry.batch; example++)
      for (const [token, from] of rows.entries()) {
        const place = tokenSlot(geometry, example, token);
        const rotation = modulo(tokenSlot(geometry, example, from) - place, geometry.slots);
        const known = this.#places.get(rotation);
        if (known) known.push(place);
        else this.#places.set(rotation, [place]);
      }
  }

  /** Ways to move the tokens of so many ciphertexts alike. */
  ways(blocks: number): Way[] {
    return blockWays(this, blocks, 1, this.#geometry.slots);
  }

  rotations(output: number, input: number): readonly number[] {
    return output === input ? [...this.#places.keys()] : [];
  }

  diagonal(_output: number, _input: number, rotation: number): Float64Array {
    const places = this.#places.get(rotation)!;
    return repeatedRows(this.#geometry, 1, (_, into) => {
      for (const place of places) into[place] = this.#scale;
    });
  }
}
