import { ConfigError } from '@cipherformer/model';
import { z } from 'zod';
import type { ModelConfigInput } from '../../transformer/config.ts';
import type { AdapterInput } from '../adapter.ts';
import { decoderEmbedding, headCopies, headTensors, padding, tiedHead } from './decoder.ts';
import { activation, epsilon, family, headWidth, only, size, stacked } from './family.ts';
import { decoderEnd, type Head } from './heads.ts';
import { ropeKeys, rotaryPositions } from './rope.ts';

/** The keys that the families after Llama have, too. */
export const llamaKeys = {
  ...padding,
  ...ropeKeys,
  vocab_size: size,
  hidden_size: size,
  num_hidden_layers: size.max(1024),
  num_attention_heads: size,
  num_key_value_heads: size.nullish(),
  head_dim: size.nullish(),
  intermediate_size: size,
  hidden_act: activation('silu'),
  rms_norm_eps: epsilon(1e-6),
  max_position_embeddings: size,
  tie_word_embeddings: z.boolean().default(false),
};
type LlamaConfig = z.infer<z.ZodObject<typeof llamaKeys>>;

export const llamaIdle = ['attention_dropout', 'is_decoder', 'resid_pdrop', 'embd_pdrop'];

/** What the families differ in. */
interface Differences {
  readonly attention?: Partial<ModelConfigInput['attention']>;
  readonly mlpBias?: boolean;
  /** Factor on the tokens' vectors. */
  readonly embeddingScale?: number;
  /** What gains are stored less. */
  readonly gainsLess?: number;
  readonly tensors?: AdapterInput['tensors'];
}

/** A decoder of Llama's kind: RMSNorm, rotary positions, gated MLP, keys and values shared among heads. */
export function llamaLayout(c: LlamaConfig, head: Head, where: string, differences: Differences = {}) {
  const { attention = {}, mlpBias = false, embeddingScale, gainsLess, tensors = {} } = differences;
  const at = 'model.layers.{layer}';
  const read = tiedHead(head, c.tie_word_embeddings);
  const width = c.head_dim ?? headWidth(c.hidden_size, c.num_attention_heads, where);
  const maxTokens = head.sentence?.maxTokens ?? c.max_position_embeddings;
  const positions = rotaryPositions(c, { headWidth: width, maxTokens: c.max_position_embeddings }, where);
  if (positions.width)
    throw new ConfigError(`${where}: partial_rotary_factor turns a part of each head, which this family does not do.`);
  const gain = (target: string, source: string) => ({
    [`${target}.weight`]: { from: `${source}.weight`, ...(gainsLess ? { plus: gainsLess } : {}) },
  });
  const linear = (target: string, source: string) => stacked(target, [source]);
  return {
    config: {
      ...decoderEnd(read, c.hidden_size, c.vocab_size, { tied: c.tie_word_embeddings }),
      embedding: {
        ...decoderEmbedding(c, read, maxTokens),
        ...(embeddingScale ? { scale: embeddingScale } : {}),
      },
      positions,
      width: c.hidden_size,
      layers: c.num_hidden_layers,
      attention: {
        heads: c.num_attention_heads,
        ...(c.num_key_value_heads ? { keyValueHeads: c.num_key_value_heads } : {}),
        headWidth: width,
        causal: true,
        qkvBias: false,
        outBias: false,
        ...attention,
      },
      mlp: { width: c.intermediate_size, kind: 'gated' as const, activation: c.hidden_act, bias: mlpBias },
      norm: { kind: 'rms' as const, epsilon: c.rms_norm_eps },
    },
    adapter: {
      optionalPrefix: 'model.',
      ignore: ['*.rotary_emb.inv_freq', ...headCopies(c.tie_word_embeddings, read.kind)],
      tensors: {
        'embedding.token.weight': 'model.embed_tokens.weight',
        ...gain('layers.{layer}.norm1', `${at}.input_layernorm`),
        ...stacked(
          'layers.{layer}.attention.qkv',
          ['q', 'k', 'v'].map((name) => `${at}.self_attn.${name}_proj`),
        ),
        ...linear('layers.{layer}.attention.out', `${at}.self_attn.o_proj`),
        ...gain('layers.{layer}.norm2', `${at}.post_attention_layernorm`),
        ...linear('layers.{layer}.mlp.gate', `${at}.mlp.gate_proj`),
        ...linear('layers.{layer}.mlp.up', `${at}.mlp.up_proj`),
        ...linear('layers.{layer}.mlp.down', `${at}.mlp.down_proj`),
        ...gain('norm', 'model.norm'),
        ...headTensors(read.kind, 'lm_head', 'score'),
        ...tensors,
      },
    },
  };
}

/** Llama 1 to 3. */
export const llama = family({
  name: 'Llama',
  heads: ['language', 'classes', 'tokens', 'embedding'],
  used: { ...llamaKeys, attention_bias: z.boolean().default(false), mlp_bias: z.boolean().default(false) },
  fixed: { rope_interleaved: only([false], 'turned pairs that lie side by side are not supported in this family') },
  // The first is of training in parts alone.
  idle: [...llamaIdle, 'pretraining_tp', 'is_llama_config'],
  layout: (c, head, where) =>
    llamaLayout(c, head, where, {
      attention: { qkvBias: c.attention_bias, outBias: c.attention_bias },
      mlpBias: c.mlp_bias,
    }),
});
