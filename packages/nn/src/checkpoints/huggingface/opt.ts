import { ConfigError } from '@cipherformer/model';
import { z } from 'zod';
import { decoderEmbedding, headCopies, headTensors, padding, tiedHead } from './decoder.ts';
import { activation, dense, family, headWidth, only, size, stacked } from './family.ts';
import { decoderEnd } from './heads.ts';

/** OPT: language models whose positions count from 2. */
export const opt = family({
  name: 'OPT',
  heads: ['language', 'classes', 'embedding'],
  used: {
    ...padding,
    vocab_size: size,
    hidden_size: size,
    num_hidden_layers: size,
    num_attention_heads: size,
    ffn_dim: size,
    max_position_embeddings: size,
    activation_function: activation('relu'),
    do_layer_norm_before: z.boolean().default(true),
    _remove_final_layer_norm: z.boolean().default(false),
    word_embed_proj_dim: size.nullish(),
    enable_bias: z.boolean().default(true),
    tie_word_embeddings: z.boolean().default(true),
  },
  fixed: {
    layer_norm_elementwise_affine: only([true], 'normalisations without gain and offset are not supported'),
  },
  idle: ['dropout', 'attention_dropout', 'activation_dropout', 'layerdrop', 'init_std', 'is_decoder'],
  layout: (c, head, where) => {
    if (c.word_embed_proj_dim && c.word_embed_proj_dim !== c.hidden_size)
      throw new ConfigError(
        `${where}: word_embed_proj_dim is ${c.word_embed_proj_dim}, hidden_size ${c.hidden_size}: tables that are narrower than the model are not supported in this family (opt-350m): take another size.`,
      );
    const at = 'model.decoder.layers.{layer}';
    const read = tiedHead(head, c.tie_word_embeddings);
    return {
      config: {
        ...decoderEnd(read, c.hidden_size, c.vocab_size, { tied: c.tie_word_embeddings }),
        embedding: decoderEmbedding(c, read, c.max_position_embeddings),
        positions: { kind: 'learned' },
        width: c.hidden_size,
        layers: c.num_hidden_layers,
        attention: {
          heads: c.num_attention_heads,
          headWidth: headWidth(c.hidden_size, c.num_attention_heads, where),
          causal: true,
          qkvBias: c.enable_bias,
          outBias: c.enable_bias,
        },
        mlp: { width: c.ffn_dim, activation: c.activation_function, bias: c.enable_bias },
        norm: { kind: 'layer', epsilon: 1e-5 },
        placement: c.do_layer_norm_before ? 'pre' : 'post',
        finalNorm: c.do_layer_norm_before && !c._remove_final_layer_norm,
      },
      adapter: {
        optionalPrefix: 'model.',
        ignore: headCopies(c.tie_word_embeddings, read.kind),
        tensors: {
          'embedding.token.weight': 'model.decoder.embed_tokens.weight',
          'embedding.position.weight': { from: 'model.decoder.embed_positions.weight', skipRows: 2 },
          ...dense('layers.{layer}.norm1', `${at}.self_attn_layer_norm`),
          ...stacked(
            'layers.{layer}.attention.qkv',
            ['q', 'k', 'v'].map((name) => `${at}.self_attn.${name}_proj`),
          ),
          ...dense('layers.{layer}.attention.out', `${at}.self_attn.out_proj`),
          ...dense('layers.{layer}.norm2', `${at}.final_layer_norm`),
          ...dense('layers.{layer}.mlp.up', `${at}.fc1`),
          ...dense('layers.{layer}.mlp.down', `${at}.fc2`),
          ...dense('norm', 'model.decoder.final_layer_norm'),
          ...headTensors(read.kind),
        },
      },
    };
  },
});
