import { ConfigError } from '@cipherformer/model';
import { z } from 'zod';
import type { AdapterInput } from '../adapter.ts';
import { activation, dense, epsilon, family, only, size, stacked } from './family.ts';
import { encoderEnd } from './heads.ts';
import { patches, vitIdle, vitKeys } from './vit.ts';

const list = z.array(size.max(1024)).min(1).max(16);

/** Swin: attention within windows that move from block to block, patches that merge from stage to stage. */
export const swin = family({
  name: 'Swin',
  heads: ['classes', 'embedding'],
  used: {
    image_size: vitKeys.image_size,
    patch_size: vitKeys.patch_size.default(4),
    num_channels: vitKeys.num_channels,
    embed_dim: size.default(96),
    depths: list.default([2, 2, 6, 2]),
    num_heads: list.default([3, 6, 12, 24]),
    window_size: size.max(1024).default(7),
    mlp_ratio: z.number().positive().max(64).default(4),
    qkv_bias: z.boolean().default(true),
    hidden_act: activation('gelu'),
    layer_norm_eps: epsilon(1e-5),
    use_absolute_embeddings: z.boolean().default(false),
    // What follows from the others.
    hidden_size: size.nullish(),
    num_layers: size.nullish(),
  },
  fixed: { path_norm: only([true], 'patches that are not normalised are not supported') },
  idle: [...vitIdle, 'drop_path_rate', 'out_features', 'out_indices', 'stage_names'],
  layout: (c, head, where) => {
    const stages = c.depths.length;
    const last = c.embed_dim * 2 ** (stages - 1);
    for (const [key, given, follows] of [
      ['num_heads', c.num_heads.length, stages],
      ['num_layers', c.num_layers ?? stages, stages],
      ['hidden_size', c.hidden_size ?? last, last],
    ])
      if (given !== follows)
        throw new ConfigError(`${where}: ${key} is of ${given}, depths and embed_dim make ${follows}.`);
    const layers = c.depths.flatMap((depth, stage) => Array.from({ length: depth }, (_, block) => ({ stage, block })));
    const standard = { kind: 'layer' as const, epsilon: 1e-5 };
    const merges = Array.from({ length: stages - 1 }, (_, i) => i + 1);
    return {
      config: {
        ...encoderEnd(head, 'image', last),
        pool: 'mean',
        embedding: { ...patches(c), norm: true },
        positions: { kind: c.use_absolute_embeddings ? ('learned' as const) : ('none' as const) },
        width: c.embed_dim,
        layers: layers.length,
        // Heads are those of each stage.
        attention: { heads: c.num_heads[0]!, headWidth: Math.ceil(c.embed_dim / c.num_heads[0]!), qkvBias: c.qkv_bias },
        mlp: { width: Math.trunc(c.embed_dim * c.mlp_ratio), activation: c.hidden_act },
        norm: { kind: 'layer', epsilon: c.layer_norm_eps },
        normOverrides: Object.fromEntries(
          ['embedding.norm', ...merges.map((i) => `stages.${i}.merge.norm`)].map((name) => [name, standard]),
        ),
        stages: {
          window: c.window_size,
          blocks: c.depths.map((depth, i) => ({ layers: depth, heads: c.num_heads[i]! })),
        },
      },
      adapter: {
        optionalPrefix: 'swin.',
        ignore: ['classifier.*', '*mask_token', '*relative_position_index', '*attn_mask'],
        tensors: {
          'embedding.patch.weight': { from: 'swin.embeddings.patch_embeddings.projection.weight', reshape: true },
          'embedding.patch.bias': 'swin.embeddings.patch_embeddings.projection.bias',
          'embedding.position.weight': { from: 'swin.embeddings.position_embeddings', reshape: true },
          ...dense('embedding.norm', 'swin.embeddings.norm'),
          ...Object.assign(
            {},
            ...layers.map(({ stage, block }, i) =>
              blockTensors(`layers.${i}`, `swin.encoder.layers.${stage}.blocks.${block}`),
            ),
          ),
          ...Object.assign(
            {},
            ...merges.map((i) => mergeTensors(`stages.${i}.merge`, `swin.encoder.layers.${i - 1}.downsample`)),
          ),
          ...dense('norm', 'swin.layernorm'),
          ...dense('head', 'classifier'),
        },
      },
    };
  },
});

function blockTensors(to: string, at: string): AdapterInput['tensors'] {
  return {
    ...stacked(
      `${to}.attention.qkv`,
      ['query', 'key', 'value'].map((name) => `${at}.attention.self.${name}`),
    ),
    [`${to}.attention.relative`]: `${at}.attention.self.relative_position_bias_table`,
    ...dense(`${to}.attention.out`, `${at}.attention.output.dense`),
    ...dense(`${to}.norm1`, `${at}.layernorm_before`),
    ...dense(`${to}.norm2`, `${at}.layernorm_after`),
    ...dense(`${to}.mlp.up`, `${at}.intermediate.dense`),
    ...dense(`${to}.mlp.down`, `${at}.output.dense`),
  };
}

const mergeTensors = (to: string, at: string): AdapterInput['tensors'] => ({
  ...dense(`${to}.norm`, `${at}.norm`),
  [`${to}.weight`]: `${at}.reduction.weight`,
});
