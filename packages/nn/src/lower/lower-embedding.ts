import type { EmbeddingNorm, Matrix, PatchEmbedding, TokenEmbedding, Weights } from '@cipherformer/model';
import { clientEmbeds, type ModelConfig, type NormConfig, normAt } from '../transformer/config.ts';
import { centred } from './affine.ts';
import { toMatrix } from './graph-builder.ts';
import { keepsStreamCentred } from './lower-block.ts';
import { storedStatistics } from './lowering.ts';
import { Stored } from './stored.ts';

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
  // The first type is part of the tokens; the others are what they add to it.
  const segments =
    embedding.segments > 0 ? stored.vector('embedding.segment.weight', embedding.segments * width) : undefined;
  const first = segments?.slice(0, width);
  if (first) eachRow(token, width, (row) => row.map((value, i) => value + first[i]!));
  const segment = embedding.segments > 1 ? segments : undefined;
  if (segment) eachRow(segment, width, (row) => row.map((value, i) => value - first![i]!));
  const position =
    positions.kind === 'learned'
      ? stored.vector('embedding.position.weight', embedding.maxTokens * width).slice(0, tokens * width)
      : undefined;
  const table = (values: Float64Array): Matrix => toMatrix({ rows: values.length / width, columns: width, values });
  if (embedding.norm) {
    const part = normAt(config, 'embedding.norm');
    if (part.kind === 'layer' || part.kind === 'rms') {
      const norm = clientNorm(stored, part.kind, part, width);
      return {
        token: table(token),
        ...(position && { position: table(position) }),
        ...(segment && { segment: table(segment) }),
        norm,
      };
    }
    foldStored(config, stored, token, [position, segment]);
  }
  if (keepsStreamCentred(config))
    for (const values of [token, position, segment]) if (values) eachRow(values, width, centred);
  return {
    token: table(token),
    ...(position && { position: table(position) }),
    ...(segment && { segment: table(segment) }),
  };
}

/** The map of patches that goes with `lower(config, weights)` where the client embeds them; undefined elsewhere. */
export function lowerPatchEmbedding(config: ModelConfig, weights: Weights): PatchEmbedding | undefined {
  const { embedding, width } = config;
  if (embedding.kind !== 'patch' || !clientEmbeds(config)) return undefined;
  const stored = new Stored(weights);
  const part = normAt(config, 'embedding.norm');
  return {
    weight: toMatrix(stored.matrix('embedding.patch.weight', width, embedding.channels * embedding.patch ** 2)),
    ...(embedding.bias && { bias: Float32Array.from(stored.vector('embedding.patch.bias', width)) }),
    norm: clientNorm(stored, part.kind === 'rms' ? 'rms' : 'layer', part, width),
  };
}

/** The normalisation after an embedding as the client computes it. */
function clientNorm(stored: Stored, kind: EmbeddingNorm['kind'], part: NormConfig, width: number): EmbeddingNorm {
  const vector = (name: string) => Float32Array.from(stored.vector(`embedding.norm.${name}`, width));
  return { kind, epsilon: part.epsilon, gain: vector('weight'), ...(kind === 'layer' && { bias: vector('bias') }) };
}

/** A normalisation with stored statistics, affine, spread over the tables: its constant goes to the tokens. */
function foldStored(
  config: ModelConfig,
  stored: Stored,
  token: Float64Array,
  others: readonly (Float64Array | undefined)[],
) {
  const name = 'embedding.norm';
  const { width } = config;
  const statistics = storedStatistics(stored, name, normAt(config, name), width);
  if (!statistics) return;
  const { centre, scale, shift } = statistics;
  const map = (row: Float64Array, constant: Float64Array | undefined) =>
    (centre ? centred(row) : row).map((v, i) => v * scale[i]! + (constant?.[i] ?? 0));
  eachRow(token, width, (row) => map(row, shift));
  for (const values of others) if (values) eachRow(values, width, (row) => map(row, undefined));
}

function eachRow(values: Float64Array, width: number, change: (row: Float64Array) => Float64Array): void {
  for (let start = 0; start < values.length; start += width) {
    values.set(change(values.slice(start, start + width)), start);
  }
}
