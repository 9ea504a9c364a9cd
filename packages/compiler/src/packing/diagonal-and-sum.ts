import type { Matrix } from '@cipherformer/model';
import type { SlotMatrix, SlotVector } from '@cipherformer/runtime';

/** Off-diagonal entries of a row that differ by this part of its largest one are float32 roundings of one number. */
const tolerance = 2 ** -20;

/** y[i] = diagonal[i] * x[i] + sum[i] * (x[0] + x[1] + ...). */
export interface DiagonalAndSum {
  readonly diagonal: Float64Array;
  readonly sum: Float64Array;
}

/**
 * A square matrix as diag(diagonal) + sum 1^T, where it is one and no mere diagonal: every row is the same number but for its
 * diagonal. That is what a LayerNorm with a stored deviation is: diag(gain / deviation) (I - 1 1^T / d).
 */
export function diagonalAndSum({ rows, columns, values }: Matrix): DiagonalAndSum | undefined {
  if (rows !== columns || rows < 3) return undefined;
  const diagonal = new Float64Array(rows);
  const sum = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    const row = values.subarray(r * columns, (r + 1) * columns);
    const common = row[r === 0 ? 1 : 0]!;
    const largest = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    for (let c = 0; c < columns; c++) if (c !== r && Math.abs(row[c]! - common) > tolerance * largest) return undefined;
    sum[r] = common;
    diagonal[r] = row[r]! - common;
  }
  return sum.some((value) => value !== 0) ? { diagonal, sum } : undefined;
}

/** output[k] = diagonals[k] * input[k] + sums[k] * input[last], slot by slot: the last input is the sum of the features. */
export class DiagonalAndSumMatrix implements SlotMatrix {
  readonly period?: number;
  readonly #diagonals: readonly SlotVector[];
  readonly #sums: readonly SlotVector[];

  /** One vector of either for each ciphertext. */
  constructor(diagonals: readonly SlotVector[], sums: readonly SlotVector[]) {
    this.#diagonals = diagonals;
    this.#sums = sums;
    const period = Math.max(...[...diagonals, ...sums].map((vector) => vector.period ?? Number.POSITIVE_INFINITY));
    if (Number.isFinite(period)) this.period = period;
  }

  rotations(output: number, input: number): readonly number[] {
    return input === output || input === this.#diagonals.length ? [0] : [];
  }

  diagonal(output: number, input: number): Float64Array {
    return (input === output ? this.#diagonals : this.#sums)[output]!.values();
  }
}
