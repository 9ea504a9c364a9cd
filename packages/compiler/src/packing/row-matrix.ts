import type { Matrix } from '@cipherformer/model';
import type { SlotMatrix } from '@cipherformer/runtime';
import { doublingSteps, type Geometry } from './geometry.ts';
import type { RowLayout } from './layout.ts';
import { type Way, waysOf } from './packings.ts';
import { repeatedRows } from './vectors.ts';

/** One linear map of a matrix [tokens, features]: out[t] = tokenWeights[t] * scale * weight * x[t]. */
export interface RowMap {
  readonly weight: Matrix;
  readonly scale: number;
  readonly output: RowLayout;
  /** [windows * paddedTokens]: 0 at padding, else 1 or the weights of a pooling that follows. */
  readonly tokenWeights: Float64Array;
}

/**
 * Several linear maps of one value as diagonals by whole rows. Row p of an output holds b(p), of an input a(p); the
 * diagonal by r rows is weight[b(p)][a(p + r)]. With periods P_in and P_out, min(P_in, P_out) diagonals suffice: where
 * the output's period is the shorter one, its P_in / P_out copies each add up their own part of the features, and
 * `gatherSteps` add the copies up.
 */
export class RowMatrix implements SlotMatrix {
  /** Every diagonal repeats after so many slots. */
  readonly period: number;
  readonly #geometry: Geometry;
  readonly #input: RowLayout;
  readonly #outputs: readonly { readonly map: RowMap; readonly block: Int32Array }[];
  readonly #turns = new Map<string, readonly number[]>();

  constructor(geometry: Geometry, input: RowLayout, maps: readonly RowMap[]) {
    this.#geometry = geometry;
    this.#input = input;
    this.#outputs = maps.flatMap((map) => map.output.blocks.map((block) => ({ map, block })));
    this.period = Math.max(input.period, ...maps.map(({ output }) => output.period)) * geometry.rowLength;
  }

  get outputs(): number {
    return this.#outputs.length;
  }

  /** The rotations that have to follow (x += rotate(x, step)) for an output to be whole in all its rows. */
  gatherSteps(output: number): number[] {
    const { period } = this.#outputs[output]!.map.output;
    return doublingSteps(period * this.#geometry.rowLength, Math.max(1, this.#input.period / period));
  }

  ways(): Way[] {
    const { rowLength, slots } = this.#geometry;
    const shape = { inputs: this.#input.blocks.length, outputs: this.#outputs.length };
    return waysOf(this, shape, rowLength, slots);
  }

  rotations(output: number, input: number): readonly number[] {
    return this.#rowTurns(output, input).map((turn) => turn * this.#geometry.rowLength);
  }

  diagonal(output: number, input: number, rotation: number): Float64Array {
    const { batch, rowLength } = this.#geometry;
    const { map, block } = this.#outputs[output]!;
    const features = this.#input.blocks[input]!;
    const { weight, scale, tokenWeights } = map;
    return repeatedRows(this.#geometry, Math.max(block.length, features.length), (row, into) => {
      const entry = entryOf(weight, block, features, row, rotation / rowLength) * scale;
      if (entry === 0) return;
      for (let b = 0; b < batch; b++)
        for (let t = 0; t < tokenWeights.length; t++) into[b * tokenWeights.length + t] = entry * tokenWeights[t]!;
    });
  }

  /** The r with a non-zero diagonal; r = 0 stays where all are zero, so that every output has one. */
  #rowTurns(output: number, input: number): readonly number[] {
    const key = `${output},${input}`;
    const known = this.#turns.get(key);
    if (known) return known;
    const { map, block } = this.#outputs[output]!;
    const features = this.#input.blocks[input]!;
    const turns: number[] = [];
    const period = Math.max(block.length, features.length);
    for (let turn = 0; turn < Math.min(block.length, features.length); turn++)
      for (let row = 0; row < period; row++)
        if (entryOf(map.weight, block, features, row, turn) !== 0) {
          turns.push(turn);
          break;
        }
    if (turns.length === 0 && input === 0) turns.push(0);
    this.#turns.set(key, turns);
    return turns;
  }
}

function entryOf(weight: Matrix, outputs: Int32Array, inputs: Int32Array, row: number, turn: number): number {
  const to = outputs[row & (outputs.length - 1)]!;
  const from = inputs[(row + turn) & (inputs.length - 1)]!;
  return to < 0 || from < 0 ? 0 : weight.values[to * weight.columns + from]!;
}
