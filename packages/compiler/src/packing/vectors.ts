import type { SlotVector } from '@cipherformer/runtime';
import { type Extent, type Geometry, tokenSlot } from './geometry.ts';
import type { HeadLayout } from './layout.ts';

/**
 * A slot vector whose rows repeat: `fill` writes row p, of rowLength slots, for p in [0, period).
 * Cost: one write a slot of the period, then copies.
 */
export function repeatedRows(
  { slots, rowLength }: Geometry,
  period: number,
  fill: (row: number, into: Float64Array) => void,
): Float64Array {
  const values = new Float64Array(slots);
  for (let row = 0; row < period; row++) fill(row, values.subarray(row * rowLength, (row + 1) * rowLength));
  for (let filled = period * rowLength; filled < slots; filled *= 2) values.copyWithin(filled, 0, filled);
  return values;
}

/** A vector given by the feature of a row and the token; zero at rows without a feature and at padding. */
export class FeatureVector implements SlotVector {
  readonly period: number;
  readonly #geometry: Geometry;
  readonly #block: Int32Array;
  readonly #extent: Extent;
  readonly #at: (feature: number, token: number) => number;

  /** @param extent which tokens hold the vector: all, or the first after pooling */
  constructor(geometry: Geometry, block: Int32Array, extent: Extent, at: (feature: number, token: number) => number) {
    this.#geometry = geometry;
    this.#block = block;
    this.#extent = extent;
    this.#at = at;
    this.period = block.length * geometry.rowLength;
  }

  values(): Float64Array {
    const geometry = this.#geometry;
    const { windows, tokens } = this.#extent;
    return repeatedRows(geometry, this.#block.length, (row, into) => {
      const feature = this.#block[row]!;
      if (feature < 0) return;
      for (let b = 0; b < geometry.batch; b++)
        for (let w = 0; w < windows; w++)
          for (let t = 0; t < tokens; t++) {
            const token = w * geometry.tokens + t;
            into[tokenSlot(geometry, b, token)] = this.#at(feature, token);
          }
    });
  }
}

/**
 * A vector over attention maps, given by head, query token t and token j of its window; zero at padding. Column c holds key
 * (t + c + turn) modulo the padded tokens: that of the maps after a turn by as many columns.
 */
export class MapVector implements SlotVector {
  readonly period: number;
  readonly #geometry: Geometry;
  readonly #layout: HeadLayout;
  readonly #block: number;
  readonly #windows: number;
  readonly #turn: number;
  readonly #at: (head: number, query: number, key: number) => number;

  /** @param windows of an example that have maps */
  constructor(
    geometry: Geometry,
    layout: HeadLayout,
    block: number,
    windows: number,
    at: (head: number, query: number, key: number) => number,
    turn = 0,
  ) {
    this.#geometry = geometry;
    this.#layout = layout;
    this.#block = block;
    this.#windows = windows;
    this.#turn = turn;
    this.#at = at;
    this.period = geometry.paddedTokens * layout.stride;
  }

  values(): Float64Array {
    const { batch, tokens, paddedTokens } = this.#geometry;
    const { headsPerBlock, heads } = this.#layout;
    return repeatedRows(this.#geometry, paddedTokens * headsPerBlock, (row, into) => {
      const head = this.#block * headsPerBlock + (row % headsPerBlock);
      if (head >= heads) return;
      const column = Math.floor(row / headsPerBlock);
      for (let t = 0; t < tokens; t++) {
        const key = (t + column + this.#turn) % paddedTokens;
        if (key >= tokens) continue;
        for (let b = 0; b < batch; b++)
          for (let w = 0; w < this.#windows; w++) {
            const query = w * tokens + t;
            into[tokenSlot(this.#geometry, b, query)] = this.#at(head, query, key);
          }
      }
    });
  }
}

/** A 0/1 vector by the column of a head layout (modulo the padded tokens) and the token; the same for every head. */
export class ColumnMask implements SlotVector {
  readonly period: number;
  readonly #geometry: Geometry;
  readonly #headsPerBlock: number;
  readonly #columns: number;
  readonly #visible: (column: number, token: number) => boolean;

  /** @param columns after how many columns the mask repeats: 1, or the padded tokens */
  constructor(
    geometry: Geometry,
    { headsPerBlock }: HeadLayout,
    columns: number,
    visible: (column: number, token: number) => boolean,
  ) {
    this.#geometry = geometry;
    this.#columns = columns;
    this.#headsPerBlock = columns === 1 ? 1 : headsPerBlock;
    this.#visible = visible;
    this.period = columns * this.#headsPerBlock * geometry.rowLength;
  }

  values(): Float64Array {
    const { segments, paddedTokens } = this.#geometry;
    return repeatedRows(this.#geometry, this.#columns * this.#headsPerBlock, (row, into) => {
      const column = Math.floor(row / this.#headsPerBlock);
      for (let t = 0; t < paddedTokens; t++) {
        if (!this.#visible(column, t)) continue;
        for (let s = 0; s < segments; s++) into[s * paddedTokens + t] = 1;
      }
    });
  }
}
