import { z } from 'zod';
import { activationOf, classNames, dense, family, headWidth, labels, size } from './family.ts';

/** Height and width, or one number for both. */
const pair = z.union([size, z.tuple([size, size])]);

const schema = z.object({
  hidden_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  intermediate_size: size,
  hidden_act: z.string().default('gelu'),
  layer_norm_eps: z.number().default(1e-12),
  image_size: pair,
  patch_size: size,
  num_channels: size.default(3),
  qkv_bias: z.boolean().default(true),
  ...labels,
});

/** ViT: image classifiers with a class token. */
export const vit = family(schema, (c, where) => {
  const [height, width] = typeof c.image_size === 'number' ? [c.image_size, c.image_size] : c.image_size;
  const classes = classNames(c, where);
  const at = 'vit.encoder.layer.{layer}';
  const qkv = (part: string) => ['query', 'key', 'value'].map((name) => `${at}.attention.attention.${name}.${part}`);
  return {
    classes,
    config: {
      task: 'image-classification',
      embedding: { kind: 'patch', channels: c.num_channels, height, width, patch: c.patch_size, classToken: true },
      positions: { kind: 'learned' },
      width: c.hidden_size,
      layers: c.num_hidden_layers,
      attention: {
        heads: c.num_attention_heads,
        headWidth: headWidth(c.hidden_size, c.num_attention_heads, where),
        qkvBias: c.qkv_bias,
      },
      mlp: { width: c.intermediate_size, activation: activationOf(c.hidden_act, where) },
      norm: { kind: 'layer', epsilon: c.layer_norm_eps },
      pool: 'class',
      head: { outputs: classes.length },
    },
    adapter: {
      optionalPrefix: 'vit.',
      ignore: ['vit.pooler.*', 'pooler.*'],
      tensors: {
        'embedding.patch.weight': { from: 'vit.embeddings.patch_embeddings.projection.weight', reshape: true },
        'embedding.patch.bias': 'vit.embeddings.patch_embeddings.projection.bias',
        'embedding.class': 'vit.embeddings.cls_token',
        'embedding.position.weight': { from: 'vit.embeddings.position_embeddings', reshape: true },
        'layers.{layer}.attention.qkv.weight': { from: qkv('weight') },
        'layers.{layer}.attention.qkv.bias': { from: qkv('bias') },
        ...dense('layers.{layer}.attention.out', `${at}.attention.output.dense`),
        ...dense('layers.{layer}.mlp.up', `${at}.intermediate.dense`),
        ...dense('layers.{layer}.mlp.down', `${at}.output.dense`),
        ...dense('layers.{layer}.norm1', `${at}.layernorm_before`),
        ...dense('layers.{layer}.norm2', `${at}.layernorm_after`),
        ...dense('norm', 'vit.layernorm'),
        ...dense('head', 'classifier'),
      },
    },
  };
});
