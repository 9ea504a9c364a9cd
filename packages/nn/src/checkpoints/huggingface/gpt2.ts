import { z } from 'zod';
import type { AdapterInput } from '../adapter.ts';
import { activationOf, dense, family, headWidth, size } from './family.ts';

const schema = z.object({
  vocab_size: size,
  n_embd: size,
  n_layer: size,
  n_head: size,
  n_inner: size.nullish(),
  n_positions: size,
  activation_function: z.string().default('gelu_new'),
  layer_norm_epsilon: z.number().default(1e-5),
  tie_word_embeddings: z.boolean().default(true),
});

/** GPT-2: language models with learned positions. */
export const gpt2 = family(schema, (c, where) => {
  const at = 'transformer.h.{layer}';
  const conv = (target: string, source: string): AdapterInput['tensors'] => ({
    [`${target}.weight`]: { from: `${source}.weight`, transpose: true },
    [`${target}.bias`]: `${source}.bias`,
  });
  return {
    config: {
      task: 'language-model',
      embedding: { kind: 'token', vocabulary: c.vocab_size, maxTokens: c.n_positions },
      positions: { kind: 'learned' },
      width: c.n_embd,
      layers: c.n_layer,
      attention: { heads: c.n_head, headWidth: headWidth(c.n_embd, c.n_head, where), causal: true },
      mlp: { width: c.n_inner ?? 4 * c.n_embd, activation: activationOf(c.activation_function, where) },
      norm: { kind: 'layer', epsilon: c.layer_norm_epsilon },
      pool: 'none',
      head: { outputs: c.vocab_size, tied: c.tie_word_embeddings, bias: false },
    },
    adapter: {
      optionalPrefix: 'transformer.',
      // Causal masks stored as buffers, and the copy of the embedding that some files keep for a tied head.
      ignore: ['*.attn.bias', '*.attn.masked_bias', ...(c.tie_word_embeddings ? ['lm_head.weight'] : [])],
      tensors: {
        'embedding.token.weight': 'transformer.wte.weight',
        'embedding.position.weight': 'transformer.wpe.weight',
        ...dense('layers.{layer}.norm1', `${at}.ln_1`),
        ...conv('layers.{layer}.attention.qkv', `${at}.attn.c_attn`),
        ...conv('layers.{layer}.attention.out', `${at}.attn.c_proj`),
        ...dense('layers.{layer}.norm2', `${at}.ln_2`),
        ...conv('layers.{layer}.mlp.up', `${at}.mlp.c_fc`),
        ...conv('layers.{layer}.mlp.down', `${at}.mlp.c_proj`),
        ...dense('norm', 'transformer.ln_f'),
        'head.weight': 'lm_head.weight',
      },
    },
  };
});
