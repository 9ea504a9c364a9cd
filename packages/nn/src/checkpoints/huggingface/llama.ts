import { z } from 'zod';
import { activationOf, family, headWidth, size } from './family.ts';

const schema = z.object({
  vocab_size: size,
  hidden_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  num_key_value_heads: size.optional(),
  intermediate_size: size,
  hidden_act: z.string().default('silu'),
  rms_norm_eps: z.number().default(1e-6),
  max_position_embeddings: size,
  rope_theta: z.number().default(10000),
  rope_scaling: z.null().optional(),
  tie_word_embeddings: z.boolean().default(false),
});

/** Llama: language models with rotary positions. */
export const llama = family(schema, (c, where) => {
  const at = 'model.layers.{layer}';
  return {
    config: {
      task: 'language-model',
      embedding: { kind: 'token', vocabulary: c.vocab_size, maxTokens: c.max_position_embeddings },
      positions: { kind: 'rotary', base: c.rope_theta, interleaved: false },
      width: c.hidden_size,
      layers: c.num_hidden_layers,
      attention: {
        heads: c.num_attention_heads,
        ...(c.num_key_value_heads ? { keyValueHeads: c.num_key_value_heads } : {}),
        headWidth: headWidth(c.hidden_size, c.num_attention_heads, where),
        causal: true,
        qkvBias: false,
        outBias: false,
      },
      mlp: { width: c.intermediate_size, kind: 'gated', activation: activationOf(c.hidden_act, where), bias: false },
      norm: { kind: 'rms', epsilon: c.rms_norm_eps },
      pool: 'none',
      head: { outputs: c.vocab_size, tied: c.tie_word_embeddings, bias: false },
    },
    adapter: {
      optionalPrefix: 'model.',
      ignore: ['*.rotary_emb.inv_freq', ...(c.tie_word_embeddings ? ['lm_head.weight'] : [])],
      tensors: {
        'embedding.token.weight': 'model.embed_tokens.weight',
        'layers.{layer}.norm1.weight': `${at}.input_layernorm.weight`,
        'layers.{layer}.attention.qkv.weight': {
          from: ['q', 'k', 'v'].map((name) => `${at}.self_attn.${name}_proj.weight`),
        },
        'layers.{layer}.attention.out.weight': `${at}.self_attn.o_proj.weight`,
        'layers.{layer}.norm2.weight': `${at}.post_attention_layernorm.weight`,
        'layers.{layer}.mlp.gate.weight': `${at}.mlp.gate_proj.weight`,
        'layers.{layer}.mlp.up.weight': `${at}.mlp.up_proj.weight`,
        'layers.{layer}.mlp.down.weight': `${at}.mlp.down_proj.weight`,
        'norm.weight': 'model.norm.weight',
        'head.weight': 'lm_head.weight',
      },
    },
  };
});
