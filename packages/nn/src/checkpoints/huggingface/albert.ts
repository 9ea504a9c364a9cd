import { ConfigError } from '@cipherformer/model';
import type { AdapterInput } from '../adapter.ts';
import { bertBlocks, bertFixed, bertKeys, tokensOf } from './bert.ts';
import { activation, dense, family, size, stacked } from './family.ts';
import { encoderEnd } from './heads.ts';

/** ALBERT: BERT with narrower tables, whose layers share their tensors group by group. */
export const albert = family({
  name: 'Albert',
  heads: ['classes', 'tokens', 'embedding'],
  used: {
    ...bertKeys,
    hidden_act: activation('gelu_new'),
    embedding_size: size.default(128),
    num_hidden_groups: size.default(1),
    inner_group_num: size.default(1),
  },
  fixed: bertFixed,
  idle: [
    'hidden_dropout_prob',
    'attention_probs_dropout_prob',
    'classifier_dropout_prob',
    'net_structure_type',
    'gap_size',
    'num_memory_blocks',
    'down_scale_factor',
  ],
  layout: (c, head, where) => {
    const inner = c.inner_group_num;
    const count = c.num_hidden_layers * inner;
    if (count > 1024) throw new ConfigError(`${where}: ${count} layers are more than the 1024 that are read.`);
    const layers = Array.from({ length: count }, (_, n) => {
      const group = Math.trunc(Math.floor(n / inner) / (c.num_hidden_layers / c.num_hidden_groups));
      return layerTensors(`layers.${n}`, `albert.encoder.albert_layer_groups.${group}.albert_layers.${n % inner}`);
    });
    return {
      config: {
        ...bertBlocks({ ...c, num_hidden_layers: count }, where),
        ...encoderEnd(head, 'text', c.hidden_size, { width: c.hidden_size, activation: 'tanh' }),
        embedding: {
          kind: 'token',
          vocabulary: c.vocab_size,
          maxTokens: tokensOf(c.max_position_embeddings, head),
          segments: c.type_vocab_size,
          norm: true,
          width: c.embedding_size,
        },
      },
      adapter: {
        optionalPrefix: 'albert.',
        ignore: ['classifier.*', 'predictions.*', 'sop_classifier.*'],
        tensors: {
          'embedding.token.weight': 'albert.embeddings.word_embeddings.weight',
          'embedding.segment.weight': 'albert.embeddings.token_type_embeddings.weight',
          'embedding.position.weight': { from: 'albert.embeddings.position_embeddings.weight', firstRows: true },
          ...dense('embedding.norm', 'albert.embeddings.LayerNorm'),
          ...dense('embedding.projection', 'albert.encoder.embedding_hidden_mapping_in'),
          ...Object.assign({}, ...layers),
          ...dense('head.hidden', 'albert.pooler'),
          ...dense('head', 'classifier'),
        },
      },
    };
  },
});

function layerTensors(to: string, at: string): AdapterInput['tensors'] {
  return {
    ...stacked(
      `${to}.attention.qkv`,
      ['query', 'key', 'value'].map((name) => `${at}.attention.${name}`),
    ),
    ...dense(`${to}.attention.out`, `${at}.attention.dense`),
    ...dense(`${to}.norm1`, `${at}.attention.LayerNorm`),
    ...dense(`${to}.mlp.up`, `${at}.ffn`),
    ...dense(`${to}.mlp.down`, `${at}.ffn_output`),
    ...dense(`${to}.norm2`, `${at}.full_layer_layer_norm`),
  };
}
