import { z } from 'zod';
import { dense, epsilon, family, only, stacked } from './family.ts';
import { encoderEnd } from './heads.ts';
import { patches, vitBlocks, vitIdle, vitKeys, vitTensors } from './vit.ts';

const { intermediate_size: _, ...keys } = vitKeys;

/** DINOv2: ViT with a factor on what each block adds; a classifier reads the class token and the mean of the patches. */
export const dinov2 = family({
  name: 'Dinov2',
  heads: ['classes', 'embedding'],
  used: {
    ...keys,
    layer_norm_eps: epsilon(1e-6),
    patch_size: keys.patch_size.default(14),
    mlp_ratio: z.number().positive().max(64).default(4),
  },
  fixed: { use_swiglu_ffn: only([false], 'the gated MLP of the largest model is not supported') },
  idle: [
    ...vitIdle,
    // Where its factors began; parts of other heads.
    ...['layerscale_value', 'drop_path_rate', 'use_mask_token', 'apply_layernorm', 'reshape_hidden_states'],
    ...['out_features', 'out_indices', 'stage_names'],
  ],
  layout: (c, head, where) => {
    const at = 'dinov2.encoder.layer.{layer}';
    const scaled = (target: string, source: string, factors: string) =>
      Object.fromEntries(
        Object.entries(dense(target, source)).map(([to, from]) => [
          to,
          { from: from as string, rowFactors: `${at}.${factors}.lambda1` },
        ]),
      );
    return {
      config: {
        ...vitBlocks(c, Math.trunc(c.hidden_size * c.mlp_ratio), where),
        ...encoderEnd(head, 'image', c.hidden_size),
        ...(head.kind === 'classes' ? { pool: 'class-and-patch-mean' as const } : {}),
        embedding: { ...patches(c), classToken: true },
      },
      adapter: {
        optionalPrefix: 'dinov2.',
        ignore: ['classifier.*', '*mask_token'],
        tensors: {
          ...vitTensors('dinov2'),
          ...stacked(
            'layers.{layer}.attention.qkv',
            ['query', 'key', 'value'].map((name) => `${at}.attention.attention.${name}`),
          ),
          ...scaled('layers.{layer}.attention.out', `${at}.attention.output.dense`, 'layer_scale1'),
          ...dense('layers.{layer}.mlp.up', `${at}.mlp.fc1`),
          ...scaled('layers.{layer}.mlp.down', `${at}.mlp.fc2`, 'layer_scale2'),
          ...dense('layers.{layer}.norm1', `${at}.norm1`),
          ...dense('layers.{layer}.norm2', `${at}.norm2`),
        },
      },
    };
  },
});
