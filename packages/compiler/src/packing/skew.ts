import { modulo } from '../program/check.ts';
import type { SlotMatrix } from '../program/instructions.ts';
import type { Geometry } from './geometry.ts';
import type { HeadLayout } from './layout.ts';
import { type BabyGiantSteps, babyGiantSteps } from './steps.ts';
import { ColumnMask } from './vectors.ts';

/**
 * Skews a value in the layout of heads: out[(c, h), t] = x[(c, h), (t + c) mod T], zero where that token is padding.
 * Column c is turned by c tokens; what leaves the row on one side comes back by a turn of c - T (Jiang, Kim, Lauter, Song,
 * CCS 2018, transposed to rows of tokens). Diagonals: one for each turn in (-T, tokens).
 */
export class SkewMatrix implements SlotMatrix {
  readonly period: number;
  readonly #geometry: Geometry;
  readonly #layout: HeadLayout;

  constructor(geometry: Geometry, layout: HeadLayout) {
    this.#geometry = geometry;
    this.#layout = layout;
    this.period = geometry.paddedTokens * layout.stride;
  }

  steps(): BabyGiantSteps {
    return babyGiantSteps(this.#turns(), 1, this.#geometry.slots, 1, 1);
  }

  rotations(): readonly number[] {
    return this.#turns().map((turn) => modulo(turn, this.#geometry.slots));
  }

  diagonal(_output: number, _input: number, rotation: number): Float64Array {
    const { paddedTokens, tokens, slots } = this.#geometry;
    const turn = rotation > slots / 2 ? rotation - slots : rotation;
    return new ColumnMask(this.#geometry, this.#layout, paddedTokens, (column, token) => {
      const source = token + turn;
      return column === modulo(turn, paddedTokens) && source >= 0 && source < tokens;
    }).values();
  }

  #turns(): number[] {
    const { paddedTokens, tokens } = this.#geometry;
    return Array.from({ length: paddedTokens - 1 + tokens }, (_, i) => i - paddedTokens + 1);
  }
}
