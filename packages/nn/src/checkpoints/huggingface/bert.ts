import { z } from 'zod';
import { activationOf, classNames, dense, family, headWidth, labels, size } from './family.ts';

const schema = z.object({
  vocab_size: size,
  hidden_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  intermediate_size: size,
  hidden_act: z.string().default('gelu'),
  layer_norm_eps: z.number().default(1e-12),
  max_position_embeddings: size,
  type_vocab_size: size.default(2),
  position_embedding_type: z.literal('absolute').default('absolute'),
  ...labels,
});

/** BERT: text classifiers. */
export const bert = family(schema, (c, where) => {
  const classes = classNames(c, where);
  const at = 'bert.encoder.layer.{layer}';
  const qkv = (part: string) => ['query', 'key', 'value'].map((name) => `${at}.attention.self.${name}.${part}`);
  return {
    classes,
    config: {
      task: 'text-classification',
      embedding: {
        kind: 'token',
        vocabulary: c.vocab_size,
        maxTokens: c.max_position_embeddings,
        segments: c.type_vocab_size,
        norm: true,
      },
      positions: { kind: 'learned' },
      width: c.hidden_size,
      layers: c.num_hidden_layers,
      attention: { heads: c.num_attention_heads, headWidth: headWidth(c.hidden_size, c.num_attention_heads, where) },
      mlp: { width: c.intermediate_size, activation: activationOf(c.hidden_act, where) },
      norm: { kind: 'layer', epsilon: c.layer_norm_eps },
      placement: 'post',
      finalNorm: false,
      pool: 'class',
      head: { outputs: classes.length, hidden: { width: c.hidden_size, activation: 'tanh' } },
    },
    adapter: {
      optionalPrefix: 'bert.',
      ignore: ['bert.embeddings.position_ids', 'cls.*'],
      tensors: {
        'embedding.token.weight': 'bert.embeddings.word_embeddings.weight',
        'embedding.segment.weight': 'bert.embeddings.token_type_embeddings.weight',
        'embedding.position.weight': 'bert.embeddings.position_embeddings.weight',
        ...dense('embedding.norm', 'bert.embeddings.LayerNorm'),
        'layers.{layer}.attention.qkv.weight': { from: qkv('weight') },
        'layers.{layer}.attention.qkv.bias': { from: qkv('bias') },
        ...dense('layers.{layer}.attention.out', `${at}.attention.output.dense`),
        ...dense('layers.{layer}.norm1', `${at}.attention.output.LayerNorm`),
        ...dense('layers.{layer}.mlp.up', `${at}.intermediate.dense`),
        ...dense('layers.{layer}.mlp.down', `${at}.output.dense`),
        ...dense('layers.{layer}.norm2', `${at}.output.LayerNorm`),
        ...dense('head.hidden', 'bert.pooler.dense'),
        ...dense('head', 'classifier'),
      },
    },
  };
});
