import { ConfigError } from '@cipherformer/model';
import { z } from 'zod';
import { decoderEmbedding, headCopies, headTensors, padding, tiedHead } from './decoder.ts';
import { activation, dense, epsilon, family, headWidth, size, stacked } from './family.ts';
import { decoderEnd } from './heads.ts';

const layerKind = z.enum(['global', 'local']);

/** GPT-Neo: GPT-2 without a scale of scores; layers that see all tokens, and layers that see the last ones, take turns. */
export const gptNeo = family({
  name: 'GPTNeo',
  heads: ['language', 'classes', 'tokens', 'embedding'],
  used: {
    ...padding,
    vocab_size: size,
    hidden_size: size,
    num_layers: size.max(1024),
    num_heads: size,
    intermediate_size: size.nullish(),
    max_position_embeddings: size,
    window_size: size.default(256),
    attention_types: z
      .array(z.tuple([z.array(layerKind).max(1024), size.max(1024)]))
      .max(64)
      .nullish(),
    attention_layers: z.array(layerKind).max(1024).nullish(),
    activation_function: activation('gelu_new'),
    layer_norm_epsilon: epsilon(1e-5),
    tie_word_embeddings: z.boolean().default(true),
  },
  idle: ['attention_dropout', 'embed_dropout', 'resid_dropout', 'classifier_dropout', 'is_decoder'].concat([
    'summary_type',
    'summary_use_proj',
    'summary_activation',
    'summary_proj_to_labels',
    'summary_first_dropout',
  ]),
  layout: (c, head, where) => {
    const at = 'transformer.h.{layer}';
    const read = tiedHead(head, c.tie_word_embeddings);
    const types = c.attention_types ?? [[['global', 'local'], 12] as const];
    const count = types.reduce((sum, [pattern, times]) => sum + pattern.length * times, 0);
    if (count !== c.num_layers)
      throw new ConfigError(`${where}: attention_types stands for ${count} layers, num_layers is ${c.num_layers}.`);
    const kinds = types.flatMap(([pattern, times]) => Array.from({ length: times }, () => pattern).flat());
    if (c.attention_layers && c.attention_layers.join() !== kinds.join())
      throw new ConfigError(`${where}: attention_layers does not say what attention_types does: leave it out.`);
    return {
      config: {
        ...decoderEnd(read, c.hidden_size, c.vocab_size, { tied: c.tie_word_embeddings }),
        embedding: decoderEmbedding(c, read, c.max_position_embeddings),
        positions: { kind: 'learned' },
        width: c.hidden_size,
        layers: c.num_layers,
        attention: {
          heads: c.num_heads,
          headWidth: headWidth(c.hidden_size, c.num_heads, where),
          causal: true,
          scale: 1,
          qkvBias: false,
          windows: kinds.map((kind) => (kind === 'local' ? c.window_size : 0)),
        },
        mlp: { width: c.intermediate_size ?? 4 * c.hidden_size, activation: c.activation_function },
        norm: { kind: 'layer', epsilon: c.layer_norm_epsilon },
      },
      adapter: {
        optionalPrefix: 'transformer.',
        ignore: ['*.attention.bias', '*.attention.masked_bias', ...headCopies(c.tie_word_embeddings, read.kind)],
        tensors: {
          'embedding.token.weight': 'transformer.wte.weight',
          'embedding.position.weight': 'transformer.wpe.weight',
          ...dense('layers.{layer}.norm1', `${at}.ln_1`),
          ...stacked(
            'layers.{layer}.attention.qkv',
            ['q', 'k', 'v'].map((name) => `${at}.attn.attention.${name}_proj`),
          ),
          ...dense('layers.{layer}.attention.out', `${at}.attn.attention.out_proj`),
          ...dense('layers.{layer}.norm2', `${at}.ln_2`),
          ...dense('layers.{layer}.mlp.up', `${at}.mlp.c_fc`),
          ...dense('layers.{layer}.mlp.down', `${at}.mlp.c_proj`),
          ...dense('norm', 'transformer.ln_f'),
          ...headTensors(read.kind),
        },
      },
    };
  },
});
