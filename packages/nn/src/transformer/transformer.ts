import { ConfigError } from '@cipherformer/model';
import type { Tensor } from '../onnx/program.ts';
import * as ops from '../ops/index.ts';
import { type AttentionMask, attention } from './attention.ts';
import type { Builder } from './builder.ts';
import type { ModelConfig } from './config.ts';
import { embedPatches, embedTokens } from './embedding.ts';
import { activation, normalise } from './parts.ts';

/** The forward pass of one model in a program. */
export interface ModelGraph {
  /** Classifier: [batch, outputs]. Language model: [batch, tokens, outputs]. */
  readonly logits: Tensor;
  /** Output of the embedding and of every block, [batch, tokens, width] each: for feature distillation. */
  readonly hidden: readonly Tensor[];
}

export interface ModelInputs {
  /** [batch, channels * height * width] for images. */
  readonly images?: Tensor;
  /** int64 [batch, tokens] for text. */
  readonly ids?: Tensor;
  /** float32 [batch, tokens], 1 for real tokens, for padded text. */
  readonly mask?: Tensor;
}

/** Declares the inputs a model takes: "images", or "ids" and (for classifiers) "mask". */
export function declareInputs(builder: Builder, config: ModelConfig, tokens?: number): ModelInputs {
  const { program, batch } = builder;
  const { embedding } = config;
  if (embedding.kind === 'patch') {
    return { images: program.input('images', [batch, embedding.channels * embedding.height * embedding.width]) };
  }
  const length = tokens ?? embedding.maxTokens;
  if (config.positions.kind === 'learned' && length > embedding.maxTokens) {
    throw new ConfigError(
      `A sequence of ${length} tokens is longer than the model's ${embedding.maxTokens} positions.`,
    );
  }
  const ids = program.input('ids', [batch, length], 'int64');
  return config.task === 'language-model' ? { ids } : { ids, mask: program.input('mask', [batch, length]) };
}

/** Builds the model's forward pass. Every stored tensor is declared through the builder. */
export function buildModel(builder: Builder, config: ModelConfig, inputs: ModelInputs): ModelGraph {
  const { program } = builder;
  const { embedded, table } = program.scope('embedding', () => embed(builder, config, inputs));
  const tokens = embedded.shape[1]!;
  const include = inputs.mask && ops.reshape(inputs.mask, [builder.batch, tokens, 1]);
  const mask: AttentionMask = {
    ...(config.attention.causal ? { causal: causalMask(program, tokens) } : {}),
    ...(inputs.mask ? { padding: ops.reshape(inputs.mask, [builder.batch, 1, 1, tokens]) } : {}),
  };
  const hidden = [embedded];
  let x = embedded;
  for (let layer = 0; layer < config.layers; layer++) {
    const name = `layers.${layer}`;
    x = program.scope(name, () => block(builder, config, name, x, mask, include));
    hidden.push(x);
  }
  if (config.finalNorm) x = normalise(builder, config, 'norm', config.norm, x, include ? { include } : {});
  return { logits: program.scope('head', () => head(builder, config, x, inputs.mask, table)), hidden };
}

function embed(builder: Builder, config: ModelConfig, inputs: ModelInputs): { embedded: Tensor; table?: Tensor } {
  if (config.embedding.kind === 'patch') {
    return { embedded: embedPatches(builder, config, config.embedding, inputs.images!) };
  }
  const { x, table } = embedTokens(builder, config, inputs.ids!);
  return { embedded: x, table };
}

function causalMask(program: Tensor['program'], tokens: number): Tensor {
  const values = Float32Array.from({ length: tokens * tokens }, (_, i) =>
    i % tokens <= Math.floor(i / tokens) ? 1 : 0,
  );
  return program.constant(values, [tokens, tokens], 'causal');
}

function block(
  builder: Builder,
  config: ModelConfig,
  name: string,
  x: Tensor,
  mask: AttentionMask,
  include: Tensor | undefined,
): Tensor {
  const options = include ? { include } : {};
  const norm = (which: string, y: Tensor) => normalise(builder, config, `${name}.${which}`, config.norm, y, options);
  const attend = (y: Tensor) => attention(builder, config, `${name}.attention`, y, mask);
  const transform = (y: Tensor) => mlp(builder, config, `${name}.mlp`, y, include);
  if (config.placement === 'pre') {
    const mixed = ops.add(x, attend(norm('norm1', x)));
    return ops.add(mixed, transform(norm('norm2', mixed)));
  }
  const mixed = norm('norm1', ops.add(x, attend(x)));
  return norm('norm2', ops.add(mixed, transform(mixed)));
}

function mlp(builder: Builder, config: ModelConfig, name: string, x: Tensor, include: Tensor | undefined): Tensor {
  const { width: inner, kind, bias, norm } = config.mlp;
  const { width } = config;
  const layer = (part: string, out: number, from: number, y: Tensor, deviation?: number) =>
    ops.linear(
      y,
      builder.parameter(`${name}.${part}.weight`, [out, from], deviation ? { kind: 'normal', deviation } : undefined),
      bias ? builder.parameter(`${name}.${part}.bias`, [out]) : undefined,
    );
  let up = layer('up', inner, width, x);
  const options = include ? { include } : {};
  if (norm) up = normalise(builder, config, `${name}.norm`, norm, up, options);
  const act = (y: Tensor) =>
    activation(builder, config, `${name}.activation`, config.mlp.activation, y, { kind: 'mlp-activation', ...options });
  const active = kind === 'gated' ? ops.mul(act(layer('gate', inner, width, x)), up) : act(up);
  const residual = Math.sqrt(1 / (3 * inner)) / Math.sqrt(2 * config.layers);
  return builder.dropout(layer('down', width, inner, active, residual));
}

function head(builder: Builder, config: ModelConfig, x: Tensor, mask: Tensor | undefined, table?: Tensor): Tensor {
  const { outputs, hidden, norm, bias, tied } = config.head;
  let pooled = pool(config, x, mask);
  if (norm) pooled = normalise(builder, config, 'head.norm', config.norm, pooled);
  if (hidden) {
    const weight = builder.parameter('head.hidden.weight', [hidden.width, config.width]);
    pooled = ops.linear(pooled, weight, builder.parameter('head.hidden.bias', [hidden.width]));
    pooled = activation(builder, config, 'head.activation', hidden.activation, pooled, { kind: 'head-activation' });
  }
  if (config.pool !== 'none') pooled = builder.dropout(pooled);
  const from = hidden?.width ?? config.width;
  const weight = tied && table ? table : builder.parameter('head.weight', [outputs, from]);
  return ops.linear(pooled, weight, bias ? builder.parameter('head.bias', [outputs]) : undefined);
}

/** The vector a classifier reads: the first token, or the mean over real tokens. */
function pool(config: ModelConfig, x: Tensor, mask: Tensor | undefined): Tensor {
  const [batch, tokens, width] = x.shape as [number, number, number];
  if (config.pool === 'none') return x;
  if (config.pool === 'class') return ops.reshape(ops.slice(x, 1, 0, 1), [batch, width]);
  if (!mask) return ops.mean(x, [1]);
  // sum(mask * x) / sum(mask), as one small product per sequence
  const weights = ops.div(mask, ops.sum(mask, [1], true));
  return ops.reshape(ops.matmul(ops.reshape(weights, [batch, 1, tokens]), x), [batch, width]);
}
