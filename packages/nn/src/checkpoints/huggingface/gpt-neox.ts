import { z } from 'zod';
import { decoderEmbedding, headCopies, headTensors, padding, tiedHead } from './decoder.ts';
import { activation, dense, epsilon, family, headWidth, size } from './family.ts';
import { decoderEnd } from './heads.ts';
import { ropeKeys, rotaryPositions } from './rope.ts';

/** GPT-NeoX (Pythia): attention and MLP side by side, rotary positions on a part of each head. */
export const gptNeox = family({
  name: 'GPTNeoX',
  heads: ['language', 'classes', 'tokens', 'embedding'],
  used: {
    ...padding,
    ...ropeKeys,
    vocab_size: size,
    hidden_size: size,
    num_hidden_layers: size,
    num_attention_heads: size,
    intermediate_size: size,
    max_position_embeddings: size,
    hidden_act: activation('gelu'),
    layer_norm_eps: epsilon(1e-5),
    attention_bias: z.boolean().default(true),
    use_parallel_residual: z.boolean().default(true),
    tie_word_embeddings: z.boolean().default(false),
    /** Older names of share and base of rotary positions. */
    rotary_pct: z.number().positive().max(1).nullish(),
    rotary_emb_base: z.number().positive().nullish(),
  },
  idle: ['attention_dropout', 'hidden_dropout', 'classifier_dropout', 'is_decoder'],
  layout: (c, head, where) => {
    const at = 'gpt_neox.layers.{layer}';
    const read = tiedHead(head, c.tie_word_embeddings);
    const width = headWidth(c.hidden_size, c.num_attention_heads, where);
    const old = {
      rope_theta: c.rope_theta ?? c.rotary_emb_base,
      partial_rotary_factor: c.partial_rotary_factor ?? c.rotary_pct,
    };
    return {
      config: {
        ...decoderEnd(read, c.hidden_size, c.vocab_size, { tied: c.tie_word_embeddings }),
        embedding: decoderEmbedding(c, read, c.max_position_embeddings),
        positions: rotaryPositions(
          { ...c, ...old },
          { headWidth: width, maxTokens: c.max_position_embeddings, share: 0.25 },
          where,
        ),
        width: c.hidden_size,
        layers: c.num_hidden_layers,
        attention: {
          heads: c.num_attention_heads,
          headWidth: width,
          causal: true,
          qkvBias: c.attention_bias,
          outBias: c.attention_bias,
        },
        mlp: { width: c.intermediate_size, activation: c.hidden_act },
        norm: { kind: 'layer', epsilon: c.layer_norm_eps },
        placement: c.use_parallel_residual ? 'parallel' : 'pre',
      },
      adapter: {
        optionalPrefix: 'gpt_neox.',
        ignore: [
          ...['*.attention.bias', '*.attention.masked_bias', '*.rotary_emb.inv_freq'],
          ...headCopies(c.tie_word_embeddings, read.kind),
        ],
        tensors: {
          'embedding.token.weight': 'gpt_neox.embed_in.weight',
          ...dense('layers.{layer}.norm1', `${at}.input_layernorm`),
          'layers.{layer}.attention.qkv.weight': { from: `${at}.attention.query_key_value.weight`, byHead: 3 },
          'layers.{layer}.attention.qkv.bias': { from: `${at}.attention.query_key_value.bias`, byHead: 3 },
          ...dense('layers.{layer}.attention.out', `${at}.attention.dense`),
          ...dense('layers.{layer}.norm2', `${at}.post_attention_layernorm`),
          ...dense('layers.{layer}.mlp.up', `${at}.mlp.dense_h_to_4h`),
          ...dense('layers.{layer}.mlp.down', `${at}.mlp.dense_4h_to_h`),
          ...dense('norm', 'gpt_neox.final_layer_norm'),
          ...headTensors(read.kind, 'embed_out'),
        },
      },
    };
  },
});
