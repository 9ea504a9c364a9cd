import { ShapeError } from '../errors.ts';
import { type ModelConfig, normAt } from '../model/config.ts';
import type { Weights } from '../model/weights.ts';
import { centred } from './affine.ts';
import type { Matrix } from './graph.ts';
import { toMatrix } from './graph-builder.ts';
import { keepsStreamCentred } from './lower.ts';
import { batchStatistics, frozenStatistics } from './lowering.ts';
import { Stored } from './stored.ts';

/** What turns tokens into the graph's input, on the client: public, since encryption starts after it. */
export interface TokenEmbedding {
  /** A row for each entry of the vocabulary, token type included: [vocabulary, width]. */
  readonly token: Matrix;
  /** Added by position, [tokens, width]. */
  readonly position?: Matrix;
  /** A full normalisation of the sum; the client can divide. Normalisations with stored statistics are in the tables. */
  readonly norm?: EmbeddingNorm;
}

export interface EmbeddingNorm {
  readonly kind: 'layer' | 'rms';
  readonly epsilon: number;
  readonly gain: Float32Array;
  /** Absent for rms. */
  readonly bias?: Float32Array;
}

/**
 * The tables that go with `lower(config, weights, ...)` for `tokens` positions; undefined for images. Where the graph
 * keeps its residual stream centred the tables are centred too, so take both from the same model.
 */
export function lowerEmbedding(config: ModelConfig, weights: Weights, tokens: number): TokenEmbedding | undefined {
  const { embedding, width, positions } = config;
  if (embedding.kind !== 'token') return undefined;
  const stored = new Stored(weights);
  const { vocabulary } = embedding;
  const token = stored.vector('embedding.token.weight', vocabulary * width);
  if (embedding.segments > 0) {
    const segment = stored.vector('embedding.segment.weight', embedding.segments * width);
    token.forEach((_, i) => {
      token[i]! += segment[i % width]!;
    });
  }
  const position =
    positions.kind === 'learned'
      ? stored.vector('embedding.position.weight', embedding.maxTokens * width).slice(0, tokens * width)
      : undefined;
  const table = (values: Float64Array): Matrix => toMatrix({ rows: values.length / width, columns: width, values });
  if (embedding.norm) {
    const part = normAt(config, 'embedding.norm');
    if (part.kind === 'layer' || part.kind === 'rms') {
      const gain = Float32Array.from(stored.vector('embedding.norm.weight', width));
      const bias = part.kind === 'layer' && Float32Array.from(stored.vector('embedding.norm.bias', width));
      const norm: EmbeddingNorm = { kind: part.kind, epsilon: part.epsilon, gain, ...(bias && { bias }) };
      return { token: table(token), ...(position && { position: table(position) }), norm };
    }
    foldStored(config, stored, token, position);
  }
  if (keepsStreamCentred(config)) for (const values of [token, position]) if (values) eachRow(values, width, centred);
  return { token: table(token), ...(position && { position: table(position) }) };
}

/** A normalisation with stored statistics, affine, spread over both tables: its constant goes to the tokens. */
function foldStored(config: ModelConfig, stored: Stored, token: Float64Array, position: Float64Array | undefined) {
  const name = 'embedding.norm';
  const { width } = config;
  const part = normAt(config, name);
  if (part.kind === 'none') return;
  const centre = part.kind === 'frozen';
  const { scale, shift } = centre ? frozenStatistics(stored, name, width) : batchStatistics(stored, name, part, width);
  const map = (row: Float64Array, constant: Float64Array | undefined) =>
    (centre ? centred(row) : row).map((v, i) => v * scale[i]! + (constant?.[i] ?? 0));
  eachRow(token, width, (row) => map(row, shift));
  if (position) eachRow(position, width, (row) => map(row, undefined));
}

function eachRow(values: Float64Array, width: number, change: (row: Float64Array) => Float64Array): void {
  for (let start = 0; start < values.length; start += width) {
    values.set(change(values.slice(start, start + width)), start);
  }
}

/** Embedded tokens [tokens, width], row-major. @throws ShapeError for a number outside the vocabulary */
export function embedTokens({ token, position, norm }: TokenEmbedding, ids: readonly number[]): Float64Array {
  const width = token.columns;
  const result = new Float64Array(ids.length * width);
  ids.forEach((id, t) => {
    if (!Number.isInteger(id) || id < 0 || id >= token.rows) {
      throw new ShapeError(`Token ${t} is ${id}, not one of the ${token.rows} entries: use the model's own tokenizer.`);
    }
    const row = result.subarray(t * width, (t + 1) * width);
    for (let i = 0; i < width; i++) {
      row[i] = token.values[id * width + i]! + (position ? position.values[t * width + i]! : 0);
    }
    if (norm) normaliseRow(row, norm);
  });
  return result;
}

function normaliseRow(row: Float64Array, { kind, epsilon, gain, bias }: EmbeddingNorm): void {
  const shifted = kind === 'layer' ? centred(row) : row;
  const variance = shifted.reduce((sum, v) => sum + v * v, 0) / row.length;
  const inverse = 1 / Math.sqrt(variance + epsilon);
  row.set(shifted.map((v, i) => v * inverse * gain[i]! + (bias?.[i] ?? 0)));
}
