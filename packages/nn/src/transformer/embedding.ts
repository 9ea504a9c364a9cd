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
  if (embedding.classToken) {
    const token = builder.parameter('embedding.class', [1, 1, config.width], { kind: 'normal', deviation: 0.02 });
    tokens = ops.concat([ops.expand(token, [batch, 1, config.width]), tokens], 1);
  }
  return builder.dropout(addPositions(builder, config, tokens, sequenceLength(config)));
}

/** Token numbers [batch, tokens] (int64) to [batch, tokens, width], positions and token type added. */
export function embedTokens(builder: Builder, config: ModelConfig, ids: Tensor): { x: Tensor; table: Tensor } {
  const { embedding } = config;
  if (embedding.kind !== 'token') throw new TypeError('embedTokens needs a token embedding');
  const deviation = 0.5 / Math.sqrt(config.width);
  const table = builder.parameter('embedding.token.weight', [embedding.vocabulary, config.width], {
    kind: 'normal',
    deviation,
  });
  let x = ops.embedding(table, ids);
  if (embedding.segments > 0) {
    const segments = builder.parameter('embedding.segment.weight', [embedding.segments, config.width], {
      kind: 'normal',
      deviation: 0.02,
    });
    x = ops.add(x, ops.reshape(ops.slice(segments, 0, 0, 1), [config.width]));
  }
  x = addPositions(builder, config, x, embedding.maxTokens);
  if (embedding.norm) x = normalise(builder, config, 'embedding.norm', config.norm, x);
  return { x: builder.dropout(x), table };
}

function addPositions(builder: Builder, config: ModelConfig, x: Tensor, rows: number): Tensor {
  if (config.positions.kind !== 'learned') return x;
  const table = builder.parameter('embedding.position.weight', [rows, config.width], {
    kind: 'normal',
    deviation: 0.02,
  });
  const tokens = x.shape[1]!;
  return ops.add(x, tokens === rows ? table : ops.slice(table, 0, 0, tokens));
}
