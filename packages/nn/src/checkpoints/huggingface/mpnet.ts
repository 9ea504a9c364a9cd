import { bertBlocks, bertKeys, tokensOf } from './bert.ts';
import { dense, family, only, stacked } from './family.ts';
import { encoderEnd } from './heads.ts';
import { paddedTable, positionsAfter } from './roberta.ts';

const { type_vocab_size: _, ...keys } = bertKeys;
/** The row of positions that stands for padding, whatever the configuration's token of padding is. */
const padding = 1;

/** MPNet: BERT's blocks without token types, with offsets of scores by the distance, one table for all layers. */
export const mpnet = family({
  name: 'MPNet',
  heads: ['classes', 'tokens', 'embedding'],
  used: keys,
  // transformers counts 32 whatever the table has.
  fixed: { relative_attention_num_buckets: only([32], 'other numbers of buckets are not supported') },
  idle: ['hidden_dropout_prob', 'attention_probs_dropout_prob'],
  layout: (c, head, where) => {
    const at = 'mpnet.encoder.layer.{layer}';
    const blocks = bertBlocks(c, where);
    return {
      config: {
        ...blocks,
        ...encoderEnd(head, 'text', c.hidden_size, { width: c.hidden_size, activation: 'tanh' }),
        embedding: {
          kind: 'token',
          vocabulary: c.vocab_size,
          maxTokens: tokensOf(positionsAfter(padding, c.max_position_embeddings, where), head),
          norm: true,
        },
        positions: { kind: 'learned', padding },
        attention: {
          ...blocks.attention,
          relative: { kind: 'buckets', buckets: 32, maxDistance: 128, shared: true },
        },
      },
      adapter: {
        optionalPrefix: 'mpnet.',
        ignore: ['classifier.*', 'lm_head.*'],
        tensors: {
          'embedding.token.weight': 'mpnet.embeddings.word_embeddings.weight',
          ...paddedTable('mpnet.embeddings.position_embeddings.weight', padding),
          ...dense('embedding.norm', 'mpnet.embeddings.LayerNorm'),
          'positions.relative': 'mpnet.encoder.relative_attention_bias.weight',
          ...stacked(
            'layers.{layer}.attention.qkv',
            ['q', 'k', 'v'].map((name) => `${at}.attention.attn.${name}`),
          ),
          ...dense('layers.{layer}.attention.out', `${at}.attention.attn.o`),
          ...dense('layers.{layer}.norm1', `${at}.attention.LayerNorm`),
          ...dense('layers.{layer}.mlp.up', `${at}.intermediate.dense`),
          ...dense('layers.{layer}.mlp.down', `${at}.output.dense`),
          ...dense('layers.{layer}.norm2', `${at}.output.LayerNorm`),
          ...dense('head.hidden', 'classifier.dense'),
          ...dense('head', head.kind === 'classes' ? 'classifier.out_proj' : 'classifier'),
        },
      },
    };
  },
});
