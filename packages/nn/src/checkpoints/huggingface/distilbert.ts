import { tokensOf } from './bert.ts';
import { activation, dense, family, headWidth, size, stacked } from './family.ts';
import { encoderEnd } from './heads.ts';

/** DistilBERT: BERT without token types and pooler, a classifier with a hidden layer and ReLU. */
export const distilbert = family({
  name: 'DistilBert',
  heads: ['classes', 'tokens', 'embedding'],
  used: {
    vocab_size: size,
    dim: size,
    n_layers: size,
    n_heads: size,
    hidden_dim: size,
    activation: activation('gelu'),
    max_position_embeddings: size,
  },
  // Positions of sines are stored like learned ones.
  idle: ['dropout', 'attention_dropout', 'qa_dropout', 'seq_classif_dropout', 'sinusoidal_pos_embds', 'tie_weights_'],
  layout: (c, head, where) => {
    const at = 'distilbert.transformer.layer.{layer}';
    return {
      config: {
        ...encoderEnd(head, 'text', c.dim, { width: c.dim, activation: 'relu' }),
        embedding: {
          kind: 'token',
          vocabulary: c.vocab_size,
          maxTokens: tokensOf(c.max_position_embeddings, head),
          norm: true,
        },
        positions: { kind: 'learned' },
        width: c.dim,
        layers: c.n_layers,
        attention: { heads: c.n_heads, headWidth: headWidth(c.dim, c.n_heads, where) },
        mlp: { width: c.hidden_dim, activation: c.activation },
        norm: { kind: 'layer', epsilon: 1e-12 },
        placement: 'post',
        finalNorm: false,
      },
      adapter: {
        optionalPrefix: 'distilbert.',
        ignore: ['classifier.*', 'pre_classifier.*', 'vocab_*'],
        tensors: {
          'embedding.token.weight': 'distilbert.embeddings.word_embeddings.weight',
          'embedding.position.weight': { from: 'distilbert.embeddings.position_embeddings.weight', firstRows: true },
          ...dense('embedding.norm', 'distilbert.embeddings.LayerNorm'),
          ...stacked(
            'layers.{layer}.attention.qkv',
            ['q', 'k', 'v'].map((name) => `${at}.attention.${name}_lin`),
          ),
          ...dense('layers.{layer}.attention.out', `${at}.attention.out_lin`),
          ...dense('layers.{layer}.norm1', `${at}.sa_layer_norm`),
          ...dense('layers.{layer}.mlp.up', `${at}.ffn.lin1`),
          ...dense('layers.{layer}.mlp.down', `${at}.ffn.lin2`),
          ...dense('layers.{layer}.norm2', `${at}.output_layer_norm`),
          ...dense('head.hidden', 'pre_classifier'),
          ...dense('head', 'classifier'),
        },
      },
    };
  },
});
