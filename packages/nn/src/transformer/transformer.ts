import type { Tensor } from '../onnx/program.ts';
import * as ops from '../ops/index.ts';
import type { AttentionMask } from './attention.ts';
import { block } from './block.ts';
import type { Builder } from './builder.ts';
import { type ModelConfig, pooledWidth } from './config.ts';
import { embedPatches, embedTokens } from './embedding.ts';
import type { ModelInputs } from './inputs.ts';
import { activation, normalise } from './parts.ts';
import { pool } from './pool.ts';
import { windowStages } from './windows.ts';

/** The forward pass of one model in a program. */
export interface ModelGraph {
  /** Of the whole input: [batch, outputs]. Of every token (pool "none"): [batch, tokens, outputs]. An embedding is one, too. */
  readonly logits: Tensor;
  /** Output of the embedding and of every block, [batch, tokens, width] each: for feature distillation. */
  readonly hidden: readonly Tensor[];
}

/** Builds the model's forward pass. Every stored tensor is declared through the builder. */
export function buildModel(builder: Builder, config: ModelConfig, inputs: ModelInputs): ModelGraph {
  const { program } = builder;
  const { embedded, table } = program.scope('embedding', () => embed(builder, config, inputs));
  const tokens = embedded.shape[1]!;
  const include = inputs.mask && ops.reshape(inputs.mask, [builder.batch, tokens, 1]);
  const padding = inputs.mask && { padding: ops.reshape(inputs.mask, [builder.batch, 1, 1, tokens]) };
  const causal = causalMasks(program, config, tokens);
  const hidden = config.stages ? windowStages(builder, config, embedded) : [embedded, ...blocks(embedded)];
  function* blocks(start: Tensor): Generator<Tensor> {
    let x = start;
    for (let layer = 0; layer < config.layers; layer++) {
      const name = `layers.${layer}`;
      const mask: AttentionMask = { ...causal(layer), ...padding };
      x = program.scope(name, () => block(builder, config, name, x, { mask, layer, include }));
      yield x;
    }
  }
  let x = hidden.at(-1)!;
  if (config.finalNorm) x = normalise(builder, config, 'norm', config.norm, x, include ? { include } : {});
  return { logits: program.scope('head', () => head(builder, config, x, inputs, table)), hidden };
}

function embed(builder: Builder, config: ModelConfig, inputs: ModelInputs): { embedded: Tensor; table?: Tensor } {
  if (config.embedding.kind === 'patch') {
    return { embedded: embedPatches(builder, config, config.embedding, inputs.images!) };
  }
  const { x, table } = embedTokens(builder, config, inputs.ids!, inputs.segments);
  return { embedded: x, table };
}

/** The causal mask of a layer: one for each width of window that occurs. */
function causalMasks(program: Tensor['program'], { attention }: ModelConfig, tokens: number) {
  const known = new Map<number, Tensor>();
  return (layer: number): AttentionMask => {
    if (!attention.causal) return {};
    const given = attention.windows?.[layer] ?? 0;
    const window = given === 0 || given >= tokens ? tokens : given;
    let mask = known.get(window);
    if (!mask) {
      const values = Float32Array.from({ length: tokens * tokens }, (_, i) => {
        const back = Math.floor(i / tokens) - (i % tokens);
        return back >= 0 && back < window ? 1 : 0;
      });
      mask = program.constant(values, [tokens, tokens], 'causal');
      known.set(window, mask);
    }
    return { causal: mask };
  };
}

function head(builder: Builder, config: ModelConfig, x: Tensor, inputs: ModelInputs, table?: Tensor): Tensor {
  const { hidden, norm, unit } = config.head;
  let pooled = pool(config, x, inputs);
  if (norm) pooled = normalise(builder, config, 'head.norm', config.norm, pooled);
  if (hidden) {
    const weight = builder.parameter('head.hidden.weight', [hidden.width, pooledWidth(config)]);
    const bias = hidden.bias === false ? undefined : builder.parameter('head.hidden.bias', [hidden.width]);
    pooled = ops.linear(pooled, weight, bias);
    pooled = activation(builder, config, 'head.activation', hidden.activation, pooled, { kind: 'head-activation' });
  }
  const output = config.head.none ? pooled : lastMap(builder, config, pooled, table);
  if (!unit) return output;
  const length = ops.sqrt(ops.sum(ops.square(output), [1], true));
  return ops.div(output, ops.clip(length, 1e-12, Number.MAX_VALUE));
}

function lastMap(builder: Builder, config: ModelConfig, x: Tensor, table?: Tensor): Tensor {
  const { outputs, hidden, bias, tied } = config.head;
  const dropped = config.pool === 'none' ? x : builder.dropout(x);
  const weight =
    tied && table ? table : builder.parameter('head.weight', [outputs, hidden?.width ?? pooledWidth(config)]);
  return ops.linear(dropped, weight, bias ? builder.parameter('head.bias', [outputs]) : undefined);
}
