import { z } from 'zod';
import { activation, family, only, size } from './family.ts';
import { llamaIdle, llamaKeys, llamaLayout } from './llama.ts';

/** Gemma 1: Llama with scaled vectors of tokens, gains stored less one, and GELU. */
export const gemma = family({
  name: 'Gemma',
  heads: ['language', 'classes', 'tokens', 'embedding'],
  used: {
    ...llamaKeys,
    num_key_value_heads: size.nullable().default(16),
    head_dim: size.default(256),
    hidden_act: activation('gelu_pytorch_tanh'),
    attention_bias: z.boolean().default(false),
    tie_word_embeddings: z.boolean().default(true),
    pad_token_id: z.int().min(0).nullable().default(0),
  },
  fixed: {
    use_bidirectional_attention: only([null, false], 'attention in both directions is not supported'),
    hidden_activation: only([null, 'gelu_pytorch_tanh'], 'the family computes the form of GELU by tanh'),
  },
  idle: llamaIdle,
  layout: (c, head, where) =>
    // "gelu" of the first files means the form by tanh, too.
    llamaLayout({ ...c, hidden_act: c.hidden_act === 'gelu' ? 'gelu_tanh' : c.hidden_act }, head, where, {
      attention: { qkvBias: c.attention_bias, outBias: c.attention_bias },
      embeddingScale: Math.sqrt(c.hidden_size),
      gainsLess: 1,
    }),
});
