import { family, size } from './family.ts';
import { llamaIdle, llamaKeys, llamaLayout } from './llama.ts';

/** Mistral: Llama whose tokens see the last ones alone. */
export const mistral = family({
  name: 'Mistral',
  heads: ['language', 'classes', 'tokens', 'embedding'],
  used: {
    ...llamaKeys,
    num_key_value_heads: size.nullable().default(8),
    sliding_window: size.nullable().default(4096),
  },
  idle: llamaIdle,
  layout: (c, head, where) =>
    llamaLayout(c, head, where, {
      attention: c.sliding_window
        ? { windows: Array.from({ length: c.num_hidden_layers }, () => c.sliding_window ?? 0) }
        : {},
    }),
});
