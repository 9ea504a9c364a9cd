import { ConfigError } from '@cipherformer/model';
import { z } from 'zod';
import { family, only, size } from './family.ts';
import { llamaIdle, llamaKeys, llamaLayout } from './llama.ts';

/** The keys that say which layers see the last tokens alone. */
export const windowKeys = {
  use_sliding_window: z.boolean().default(false),
  sliding_window: size.nullable().default(4096),
  max_window_layers: z.int().min(0).default(28),
  layer_types: z
    .array(z.enum(['full_attention', 'sliding_attention']))
    .max(1024)
    .nullish(),
};
type WindowKeys = z.infer<z.ZodObject<typeof windowKeys>>;

/** How many of the last tokens each layer sees. @throws ConfigError for kinds of layers that do not fit */
export function windowsOf(c: WindowKeys & { readonly num_hidden_layers: number }, where: string) {
  const window = c.use_sliding_window ? c.sliding_window : null;
  const kinds =
    c.layer_types ??
    Array.from({ length: c.num_hidden_layers }, (_, i) =>
      window !== null && i >= c.max_window_layers ? 'sliding_attention' : 'full_attention',
    );
  if (kinds.length !== c.num_hidden_layers)
    throw new ConfigError(
      `${where}: layer_types has ${kinds.length} entries, num_hidden_layers is ${c.num_hidden_layers}.`,
    );
  if (!kinds.includes('sliding_attention')) return {};
  if (window === null)
    throw new ConfigError(
      `${where}: layer_types has sliding_attention, but use_sliding_window or sliding_window are not set.`,
    );
  return { windows: kinds.map((kind) => (kind === 'sliding_attention' ? window : 0)) };
}

/** Qwen 2 and 2.5: Llama with biases on queries, keys and values. */
export const qwen2 = family({
  name: 'Qwen2',
  heads: ['language', 'classes', 'tokens', 'embedding'],
  used: { ...llamaKeys, ...windowKeys, num_key_value_heads: size.nullable().default(32) },
  fixed: { use_mrope: only([false], 'positions of pictures are not supported') },
  idle: llamaIdle,
  layout: (c, head, where) => llamaLayout(c, head, where, { attention: { qkvBias: true, ...windowsOf(c, where) } }),
});
