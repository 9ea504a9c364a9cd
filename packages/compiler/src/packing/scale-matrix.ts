import type { SlotMatrix, SlotVector } from '@cipherformer/runtime';

/** The same diagonal matrix for every ciphertext of a value: out = vector * in, slot by slot. */
export class ScaleMatrix implements SlotMatrix {
  readonly period?: number;
  readonly #vectors: readonly SlotVector[];

  /** @param vectors one for each ciphertext */
  constructor(vectors: readonly SlotVector[]) {
    this.#vectors = vectors;
    const period = Math.max(...vectors.map((vector) => vector.period ?? Number.POSITIVE_INFINITY));
    if (Number.isFinite(period)) this.period = period;
  }

  rotations(output: number, input: number): readonly number[] {
    return output === input ? [0] : [];
  }

  diagonal(output: number): Float64Array {
    return this.#vectors[output]!.values();
  }
}
