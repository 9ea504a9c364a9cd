import { z } from 'zod';
import { activation, dense, epsilon, family, headWidth, size, stacked } from './family.ts';
import { encoderEnd } from './heads.ts';

/** Height and width, or one number for both. */
const pair = z.union([size, z.tuple([size, size])]);
/** Patches are squares. */
const square = z.union([
  size,
  z.tuple([size, size]).refine(([a, b]) => a === b, 'has to be one number: patches are squares'),
]);

/** The keys that the families after ViT have, too. */
export const vitKeys = {
  hidden_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  intermediate_size: size,
  hidden_act: activation('gelu'),
  layer_norm_eps: epsilon(1e-12),
  image_size: pair.default(224),
  patch_size: square.default(16),
  num_channels: size.default(3),
  qkv_bias: z.boolean().default(true),
};

/** The pooler and the strides are those of models without a classifier, and of pretraining. */
export const vitIdle = [
  ...['hidden_dropout_prob', 'attention_probs_dropout_prob', 'encoder_stride', 'pooler_act', 'pooler_output_size'],
];

interface Image {
  readonly image_size: number | readonly [number, number];
  readonly patch_size: number | readonly [number, number];
  readonly num_channels: number;
}

/** Patches of images of the size that the model was made for. */
export function patches({ image_size, patch_size, num_channels }: Image) {
  const [height, width] = typeof image_size === 'number' ? [image_size, image_size] : image_size;
  const patch = typeof patch_size === 'number' ? patch_size : patch_size[0];
  return { kind: 'patch' as const, channels: num_channels, height, width, patch };
}

type VitConfig = z.infer<z.ZodObject<typeof vitKeys>>;

/** Encoder blocks that normalise what they read. */
export const vitBlocks = (c: Omit<VitConfig, 'intermediate_size'>, inner: number, where: string) =>
  ({
    positions: { kind: 'learned' },
    width: c.hidden_size,
    layers: c.num_hidden_layers,
    attention: {
      heads: c.num_attention_heads,
      headWidth: headWidth(c.hidden_size, c.num_attention_heads, where),
      qkvBias: c.qkv_bias,
    },
    mlp: { width: inner, activation: c.hidden_act },
    norm: { kind: 'layer', epsilon: c.layer_norm_eps },
  }) as const;

/** The tensors of a ViT whose names begin with `prefix`. */
export function vitTensors(prefix: string) {
  const at = `${prefix}.encoder.layer.{layer}`;
  return {
    'embedding.patch.weight': { from: `${prefix}.embeddings.patch_embeddings.projection.weight`, reshape: true },
    'embedding.patch.bias': `${prefix}.embeddings.patch_embeddings.projection.bias`,
    'embedding.class': `${prefix}.embeddings.cls_token`,
    'embedding.position.weight': { from: `${prefix}.embeddings.position_embeddings`, reshape: true },
    ...stacked(
      'layers.{layer}.attention.qkv',
      ['query', 'key', 'value'].map((name) => `${at}.attention.attention.${name}`),
    ),
    ...dense('layers.{layer}.attention.out', `${at}.attention.output.dense`),
    ...dense('layers.{layer}.mlp.up', `${at}.intermediate.dense`),
    ...dense('layers.{layer}.mlp.down', `${at}.output.dense`),
    ...dense('layers.{layer}.norm1', `${at}.layernorm_before`),
    ...dense('layers.{layer}.norm2', `${at}.layernorm_after`),
    ...dense('norm', `${prefix}.layernorm`),
    ...dense('head', 'classifier'),
  };
}

/** ViT: image classifiers with a class token. */
export const vit = family({
  name: 'ViT',
  heads: ['classes', 'embedding'],
  used: vitKeys,
  idle: vitIdle,
  layout: (c, head, where) => ({
    config: {
      ...vitBlocks(c, c.intermediate_size, where),
      ...encoderEnd(head, 'image', c.hidden_size),
      embedding: { ...patches(c), classToken: true },
    },
    adapter: { optionalPrefix: 'vit.', ignore: ['classifier.*', '*mask_token'], tensors: vitTensors('vit') },
  }),
});
