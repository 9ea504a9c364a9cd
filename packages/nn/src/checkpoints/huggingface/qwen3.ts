import { z } from 'zod';
import { family, size } from './family.ts';
import { llamaIdle, llamaKeys, llamaLayout } from './llama.ts';
import { windowKeys, windowsOf } from './qwen2.ts';

/** Qwen 3: Llama whose queries and keys are normalised head by head. */
export const qwen3 = family({
  name: 'Qwen3',
  heads: ['language', 'classes', 'tokens', 'embedding'],
  used: {
    ...llamaKeys,
    ...windowKeys,
    num_key_value_heads: size.nullable().default(32),
    head_dim: size.default(128),
    attention_bias: z.boolean().default(false),
  },
  idle: llamaIdle,
  layout: (c, head, where) =>
    llamaLayout(c, head, where, {
      attention: {
        qkvBias: c.attention_bias,
        outBias: c.attention_bias,
        headNorm: { kind: 'rms', epsilon: c.rms_norm_eps },
        ...windowsOf(c, where),
      },
      tensors: {
        'layers.{layer}.attention.query_norm.weight': 'model.layers.{layer}.self_attn.q_norm.weight',
        'layers.{layer}.attention.key_norm.weight': 'model.layers.{layer}.self_attn.k_norm.weight',
      },
    }),
});
