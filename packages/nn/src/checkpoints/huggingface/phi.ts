import { z } from 'zod';
import { decoderEmbedding, headCopies, headTensors, padding, tiedHead } from './decoder.ts';
import { activation, dense, epsilon, family, headWidth, only, size, stacked } from './family.ts';
import { decoderEnd } from './heads.ts';
import { ropeKeys, rotaryPositions } from './rope.ts';

/** Phi 1 and 2: attention and MLP side by side behind one normalisation, rotary positions on a part of each head. */
export const phi = family({
  name: 'Phi',
  heads: ['language', 'classes', 'tokens', 'embedding'],
  used: {
    ...padding,
    ...ropeKeys,
    vocab_size: size,
    hidden_size: size,
    num_hidden_layers: size,
    num_attention_heads: size,
    num_key_value_heads: size.nullish(),
    intermediate_size: size,
    max_position_embeddings: size,
    hidden_act: activation('gelu_new'),
    layer_norm_eps: epsilon(1e-5),
    tie_word_embeddings: z.boolean().default(false),
  },
  fixed: { qk_layernorm: only([false], 'normalised queries and keys are not supported in this family') },
  idle: ['resid_pdrop', 'embd_pdrop', 'attention_dropout', 'is_decoder'],
  layout: (c, head, where) => {
    const at = 'model.layers.{layer}';
    const read = tiedHead(head, c.tie_word_embeddings);
    const width = headWidth(c.hidden_size, c.num_attention_heads, where);
    return {
      config: {
        ...decoderEnd(read, c.hidden_size, c.vocab_size, { tied: c.tie_word_embeddings, bias: true }),
        embedding: decoderEmbedding(c, read, c.max_position_embeddings),
        positions: rotaryPositions(c, { headWidth: width, maxTokens: c.max_position_embeddings, share: 0.5 }, where),
        width: c.hidden_size,
        layers: c.num_hidden_layers,
        attention: {
          heads: c.num_attention_heads,
          ...(c.num_key_value_heads ? { keyValueHeads: c.num_key_value_heads } : {}),
          headWidth: width,
          causal: true,
        },
        mlp: { width: c.intermediate_size, activation: c.hidden_act },
        norm: { kind: 'layer', epsilon: c.layer_norm_eps },
        placement: 'parallel',
      },
      adapter: {
        optionalPrefix: 'model.',
        ignore: ['*.rotary_emb.inv_freq', 'lm_head.bias', ...headCopies(c.tie_word_embeddings, read.kind)],
        tensors: {
          'embedding.token.weight': 'model.embed_tokens.weight',
          ...dense('layers.{layer}.norm1', `${at}.input_layernorm`),
          ...dense('layers.{layer}.norm2', `${at}.input_layernorm`),
          ...stacked(
            'layers.{layer}.attention.qkv',
            ['q', 'k', 'v'].map((name) => `${at}.self_attn.${name}_proj`),
          ),
          ...dense('layers.{layer}.attention.out', `${at}.self_attn.dense`),
          ...dense('layers.{layer}.mlp.up', `${at}.mlp.fc1`),
          ...dense('layers.{layer}.mlp.down', `${at}.mlp.fc2`),
          ...dense('norm', 'model.final_layernorm'),
          ...headTensors(read.kind, 'lm_head', 'score'),
        },
      },
    };
  },
});
