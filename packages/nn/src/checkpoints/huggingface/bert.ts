import { z } from 'zod';
import { activation, dense, epsilon, family, headWidth, only, size, stacked } from './family.ts';
import { encoderEnd } from './heads.ts';

/** The keys that the families after BERT have, too. */
export const bertKeys = {
  vocab_size: size,
  hidden_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  intermediate_size: size,
  hidden_act: activation('gelu'),
  layer_norm_eps: epsilon(1e-12),
  max_position_embeddings: size,
  type_vocab_size: z.int().min(0).max(1024).default(2),
};

export const bertIdle = [
  ...['hidden_dropout_prob', 'attention_probs_dropout_prob', 'classifier_dropout'],
  // Of the first files, which nothing reads.
  ...['directionality', 'pooler_fc_size', 'pooler_num_attention_heads', 'pooler_num_fc_layers'],
  ...['pooler_size_per_head', 'pooler_type'],
];

export const bertFixed = {
  position_embedding_type: only(
    ['absolute'],
    'positions between tokens are not supported: fine-tune a model with absolute ones',
  ),
};

/** How many tokens a model takes, of `rows` positions: fewer where sentence-transformers cuts texts before. */
export const tokensOf = (rows: number, head: { readonly sentence?: { readonly maxTokens?: number } }): number =>
  Math.min(rows, head.sentence?.maxTokens ?? rows);

/** The tensors of a BERT whose names begin with `prefix`. */
export function bertTensors(prefix: string) {
  const at = `${prefix}.encoder.layer.{layer}`;
  return {
    'embedding.token.weight': `${prefix}.embeddings.word_embeddings.weight`,
    'embedding.segment.weight': `${prefix}.embeddings.token_type_embeddings.weight`,
    'embedding.position.weight': { from: `${prefix}.embeddings.position_embeddings.weight`, firstRows: true },
    ...dense('embedding.norm', `${prefix}.embeddings.LayerNorm`),
    ...stacked(
      'layers.{layer}.attention.qkv',
      ['query', 'key', 'value'].map((name) => `${at}.attention.self.${name}`),
    ),
    ...dense('layers.{layer}.attention.out', `${at}.attention.output.dense`),
    ...dense('layers.{layer}.norm1', `${at}.attention.output.LayerNorm`),
    ...dense('layers.{layer}.mlp.up', `${at}.intermediate.dense`),
    ...dense('layers.{layer}.mlp.down', `${at}.output.dense`),
    ...dense('layers.{layer}.norm2', `${at}.output.LayerNorm`),
  };
}

type BertConfig = z.infer<z.ZodObject<typeof bertKeys>>;

/** Encoder blocks that normalise what they add. */
export const bertBlocks = (
  c: Omit<BertConfig, 'vocab_size' | 'max_position_embeddings' | 'type_vocab_size'>,
  where: string,
) =>
  ({
    positions: { kind: 'learned' },
    width: c.hidden_size,
    layers: c.num_hidden_layers,
    attention: { heads: c.num_attention_heads, headWidth: headWidth(c.hidden_size, c.num_attention_heads, where) },
    mlp: { width: c.intermediate_size, activation: c.hidden_act },
    norm: { kind: 'layer', epsilon: c.layer_norm_eps },
    placement: 'post',
    finalNorm: false,
  }) as const;

/** BERT: text classifiers, labels of tokens, embeddings. */
export const bert = family({
  name: 'Bert',
  heads: ['classes', 'tokens', 'embedding'],
  used: { ...bertKeys, is_decoder: z.boolean().default(false) },
  fixed: bertFixed,
  idle: bertIdle,
  layout: (c, head, where) => {
    const blocks = bertBlocks(c, where);
    return {
      config: {
        ...blocks,
        ...encoderEnd(head, 'text', c.hidden_size, { width: c.hidden_size, activation: 'tanh' }),
        embedding: {
          kind: 'token',
          vocabulary: c.vocab_size,
          maxTokens: tokensOf(c.max_position_embeddings, head),
          segments: c.type_vocab_size,
          norm: true,
        },
        attention: { ...blocks.attention, ...(c.is_decoder ? { causal: true } : {}) },
      },
      adapter: {
        optionalPrefix: 'bert.',
        ignore: ['classifier.*'],
        tensors: {
          ...bertTensors('bert'),
          ...dense('head.hidden', 'bert.pooler.dense'),
          ...dense('head', 'classifier'),
        },
      },
    };
  },
});
