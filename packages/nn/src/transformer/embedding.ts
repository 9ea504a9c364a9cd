import { patchGrid, patchIndices } from '@cipherformer/model';
import type { Tensor } from '../onnx/program.ts';
import * as ops from '../ops/index.ts';
import type { Builder } from './builder.ts';
import { type ModelConfig, type PatchConfig, sequenceLength } from './config.ts';
import { normalise } from './parts.ts';

/** Images [batch, channels * height * width] (normalised) to tokens [batch, tokens, width], positions added. */
export function embedPatches(builder: Builder, config: ModelConfig, embedding: PatchConfig, images: Tensor): Tensor {
  const { program, batch } = builder;
  const { rows, columns } = patchGrid(embedding);
  const patchValues = embedding.channels * embedding.patch ** 2;
  const zero = program.constant(new Float32Array(batch), [batch, 1], 'padding');
  const padded = embedding.padding > 0 ? ops.concat([images, zero], 1) : images;
  const patches = ops.reshape(ops.gatherColumns(padded, patchIndices(embedding)), [batch, rows * columns, patchValues]);
  const weight = builder.parameter('embedding.patch.weight', [config.width, patchValues]);
  const bias = embedding.bias ? builder.parameter('embedding.patch.bias', [config.width]) : undefined;
  let tokens = ops.linear(patches, weight, bias);
  if (embedding.norm) tokens = normalise(builder, config, 'embedding.norm', config.norm, tokens);
  if (embedding.classToken) {
    const token = builder.parameter('embedding.class', [1, 1, config.width], { kind: 'normal', deviation: 0.02 });
    const leading = [ops.expand(token, [batch, 1, config.width])];
    const extra = embedding.extraTokens;
    if (extra) {
      const more = builder.parameter('embedding.extra', [1, extra, config.width], { kind: 'normal', deviation: 0.02 });
      leading.push(ops.expand(more, [batch, extra, config.width]));
    }
    tokens = ops.concat([...leading, tokens], 1);
  }
  return builder.dropout(addPositions(builder, config, tokens, sequenceLength(config)));
}

/**
 * Token numbers [batch, tokens] (int64) to [batch, tokens, width], positions and token types added; `segments` holds the
 * types (int64), without it all are 0.
 */
export function embedTokens(
  builder: Builder,
  config: ModelConfig,
  ids: Tensor,
  segments?: Tensor,
): { x: Tensor; table: Tensor } {
  const { embedding } = config;
  if (embedding.kind !== 'token') throw new TypeError('embedTokens needs a token embedding');
  const width = embedding.width ?? config.width;
  const deviation = 0.5 / Math.sqrt(width);
  const table = builder.parameter('embedding.token.weight', [embedding.vocabulary, width], {
    kind: 'normal',
    deviation,
  });
  let x = ops.embedding(table, ids);
  if (embedding.scale !== undefined) x = ops.scale(x, embedding.scale);
  if (embedding.segments > 0) {
    const types = builder.parameter('embedding.segment.weight', [embedding.segments, width], {
      kind: 'normal',
      deviation: 0.02,
    });
    x = ops.add(x, segments ? ops.embedding(types, segments) : ops.reshape(ops.slice(types, 0, 0, 1), [width]));
  }
  x = addPositions(builder, config, x, embedding.maxTokens, ids);
  if (embedding.norm) x = normalise(builder, config, 'embedding.norm', config.norm, x);
  if (embedding.width !== undefined) {
    const weight = builder.parameter('embedding.projection.weight', [config.width, width]);
    x = ops.linear(x, weight, builder.parameter('embedding.projection.bias', [config.width]));
  }
  return { x: builder.dropout(x), table };
}

function addPositions(builder: Builder, config: ModelConfig, x: Tensor, rows: number, ids?: Tensor): Tensor {
  if (config.positions.kind !== 'learned') return x;
  const [, tokens, width] = x.shape as [number, number, number];
  const initial = { kind: 'normal', deviation: 0.02 } as const;
  const table = builder.parameter('embedding.position.weight', [rows, width], initial);
  const { padding } = config.positions;
  if (padding !== undefined && ids) {
    const own = builder.parameter('embedding.position.padding', [1, width], initial);
    return ops.add(x, ops.embedding(ops.concat([own, table], 0), placesWithout(ids, padding)));
  }
  return ops.add(x, tokens === rows ? table : ops.slice(table, 0, 0, tokens));
}

/** The place of each token among those that are not `padding`, from 1 on, and 0 for these; int64 [batch, tokens]. */
function placesWithout(ids: Tensor, padding: number): Tensor {
  const tokens = ids.shape[1]!;
  const upTo = Float32Array.from({ length: tokens * tokens }, (_, i) => (Math.floor(i / tokens) <= i % tokens ? 1 : 0));
  const real = ops.differs(ids, padding);
  return ops.asInteger(ops.mul(real, ops.matmul(real, ids.program.constant(upTo, [tokens, tokens], 'up to'))));
}
