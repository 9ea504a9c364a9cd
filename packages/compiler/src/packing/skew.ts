import { modulo } from '@cipherformer/base';
import type { SlotMatrix } from '@cipherformer/runtime';
import type { Geometry } from './geometry.ts';
import type { HeadLayout } from './layout.ts';
import { blockWays, type Way } from './packings.ts';

/**
 * The tokens u in [from, to) of every segment (the paddedTokens slots of one row and example) that a skewed value has to
 * hold. Negative ones lie in the padding at the end of the segment before, so that products may read back from the first
 * tokens without leaving on the wrong side; those past the last token lie in the segment's own padding.
 */
export interface TokenRange {
  readonly from: number;
  readonly to: number;
}

/** Tokens before the first that keys hold: as many as there is padding, and products read. */
export function keyRange({ tokens, paddedTokens }: Geometry, { paddedWidth }: HeadLayout): TokenRange {
  return { from: -Math.min(paddedTokens - tokens, paddedWidth - 1), to: tokens };
}

/** Tokens after the last that values hold. */
export function valueRange({ tokens, paddedTokens }: Geometry, { paddedWidth }: HeadLayout): TokenRange {
  return { from: 0, to: Math.min(paddedTokens, tokens + paddedWidth - 1) };
}

/** Which part of the skew a matrix makes: column c is turned by shift(c) tokens. */
interface Stage {
  readonly shift: (column: number) => number;
  readonly targets: TokenRange;
  /** Tokens of the source that count; the rest is padding and read as zero. */
  readonly sources: number;
}

/**
 * Skews a value in the layout of heads: out[(c, h), u] = x[(c, h), (u + c) mod T], zero where that token is padding.
 * Column c is turned by c tokens; what leaves the segment on one side comes back by a turn of c - T (Jiang, Kim, Lauter,
 * Song, CCS 2018, transposed to rows of tokens). In one matrix of nearly 2 T diagonals, or in two of about 4 sqrt(T)
 * together (first by c mod m tokens, then by the rest), which costs a level more.
 */
export class SkewMatrix implements SlotMatrix {
  readonly period: number;
  readonly #geometry: Geometry;
  readonly #layout: HeadLayout;
  readonly #stage: Stage;
  readonly #turns: readonly number[];

  private constructor(geometry: Geometry, layout: HeadLayout, stage: Stage) {
    this.#geometry = geometry;
    this.#layout = layout;
    this.#stage = stage;
    this.period = geometry.paddedTokens * layout.stride;
    this.#turns = turnsOf(geometry, stage);
  }

  /** The matrices to apply one after another. */
  static stages(geometry: Geometry, layout: HeadLayout, targets: TokenRange, stages: 1 | 2): SkewMatrix[] {
    const { tokens, paddedTokens } = geometry;
    if (stages === 1) return [new SkewMatrix(geometry, layout, { shift: (c) => c, targets, sources: tokens })];
    const small = 2 ** Math.ceil(Math.log2(paddedTokens) / 2);
    const whole = { from: 0, to: paddedTokens };
    return [
      new SkewMatrix(geometry, layout, { shift: (c) => c % small, targets: whole, sources: tokens }),
      new SkewMatrix(geometry, layout, { shift: (c) => c - (c % small), targets, sources: paddedTokens }),
    ];
  }

  /** Ways to skew every ciphertext of the layout. */
  ways(): Way[] {
    return blockWays(this, this.#layout.blocks, 1, this.#geometry.slots);
  }

  rotations(output: number, input: number): readonly number[] {
    if (output !== input) return [];
    return this.#turns.map((turn) => modulo(turn, this.#geometry.slots));
  }

  diagonal(_output: number, _input: number, rotation: number): Float64Array {
    const { paddedTokens, slots, segments, rowLength } = this.#geometry;
    const { columns, headsPerBlock } = this.#layout;
    const { shift, targets, sources } = this.#stage;
    const turn = rotation > slots / 2 ? rotation - slots : rotation;
    const from = Math.max(targets.from, -turn);
    const to = Math.min(targets.to, sources - turn);
    const values = new Float64Array(slots);
    for (let column = 0; column < columns; column++) {
      if (modulo(shift(column % paddedTokens) - turn, paddedTokens) !== 0) continue;
      const first = column * headsPerBlock * rowLength;
      for (let segment = 0; segment < headsPerBlock * segments; segment++)
        for (let u = from; u < to; u++) values[modulo(first + segment * paddedTokens + u, slots)] = 1;
    }
    return values;
  }
}

function turnsOf({ paddedTokens }: Geometry, { shift, targets, sources }: Stage): number[] {
  const shifts = new Set(Array.from({ length: paddedTokens }, (_, column) => shift(column)));
  const turns = new Set<number>();
  for (const by of shifts)
    for (let u = targets.from; u < targets.to; u++) {
      const source = modulo(u + by, paddedTokens);
      if (source < sources) turns.add(source - u);
    }
  return [...turns].sort((a, b) => a - b);
}
