import { ShapeError } from '../errors.ts';
import type { Matrix } from '../operations/fields.ts';

/** What turns tokens into the graph's input, on the client: public, since encryption starts after it. */
export interface TokenEmbedding {
  /** A row for each entry of the vocabulary, the first token type included: [vocabulary, width]. */
  readonly token: Matrix;
  /** Added by position, [tokens, width]. */
  readonly position?: Matrix;
  /** Added by the type of a token, [types, width], less what the first type adds, which is in `token`: its row is zero. */
  readonly segment?: Matrix;
  /** A full normalisation of the sum; the client can divide. Normalisations with stored statistics are in the tables. */
  readonly norm?: EmbeddingNorm;
}

/**
 * What turns windows of pixels into the graph's input, on the client: public. Worth it where a normalisation follows that
 * divides by what it sees: the client can, and encrypted it could only be frozen.
 */
export interface PatchEmbedding {
  /** [width, patch values]. */
  readonly weight: Matrix;
  readonly bias?: Float32Array;
  readonly norm: EmbeddingNorm;
}

export interface EmbeddingNorm {
  readonly kind: 'layer' | 'rms';
  readonly epsilon: number;
  readonly gain: Float32Array;
  /** Absent for rms. */
  readonly bias?: Float32Array;
}

/**
 * Embedded tokens [tokens, width], row-major.
 * @param types of the tokens; those that are missing are 0
 * @throws ShapeError for a number outside the vocabulary, or a type that there is not
 */
export function embedTokens(
  { token, position, segment, norm }: TokenEmbedding,
  ids: readonly number[],
  types: readonly number[] = [],
): Float64Array {
  const width = token.columns;
  const result = new Float64Array(ids.length * width);
  ids.forEach((id, t) => {
    if (!Number.isInteger(id) || id < 0 || id >= token.rows) {
      throw new ShapeError(`Token ${t} is ${id}, not one of the ${token.rows} entries: use the model's own tokenizer.`);
    }
    const type = types[t] ?? 0;
    if (type !== 0 && !(segment && Number.isInteger(type) && type > 0 && type < segment.rows))
      throw new ShapeError(
        `Token ${t} is of type ${type}, the model has ${segment?.rows ?? 1}: one that was converted before pairs were read, or takes single texts.`,
      );
    const row = result.subarray(t * width, (t + 1) * width);
    for (let i = 0; i < width; i++) {
      row[i] = token.values[id * width + i]! + (position ? position.values[t * width + i]! : 0);
      if (type !== 0) row[i]! += segment!.values[type * width + i]!;
    }
    if (norm) normaliseRow(row, norm);
  });
  return result;
}

/** Embedded patches [tokens, width], row-major, of their vectors [tokens, patch values]. Cost: tokens x width x values, once an input. */
export function embedPatches({ weight, bias, norm }: PatchEmbedding, patches: Float64Array): Float64Array {
  const { rows: width, columns, values } = weight;
  const result = new Float64Array((patches.length / columns) * width);
  for (let t = 0; t * width < result.length; t++) {
    const patch = patches.subarray(t * columns, (t + 1) * columns);
    const row = result.subarray(t * width, (t + 1) * width);
    for (let i = 0; i < width; i++) {
      let sum = bias?.[i] ?? 0;
      for (let j = 0; j < columns; j++) sum += values[i * columns + j]! * patch[j]!;
      row[i] = sum;
    }
    normaliseRow(row, norm);
  }
  return result;
}

function normaliseRow(row: Float64Array, { kind, epsilon, gain, bias }: EmbeddingNorm): void {
  const mean = kind === 'layer' ? row.reduce((sum, v) => sum + v, 0) / row.length : 0;
  const shifted = row.map((v) => v - mean);
  const variance = shifted.reduce((sum, v) => sum + v * v, 0) / row.length;
  const inverse = 1 / Math.sqrt(variance + epsilon);
  row.set(shifted.map((v, i) => v * inverse * gain[i]! + (bias?.[i] ?? 0)));
}
