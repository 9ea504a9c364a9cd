import { bertBlocks, bertFixed, bertIdle, bertKeys, bertTensors, tokensOf } from './bert.ts';
import { dense, family, size } from './family.ts';
import { encoderEnd } from './heads.ts';

/** ELECTRA: BERT's blocks behind tables that may be narrower, a classifier with GELU. */
export const electra = family({
  name: 'Electra',
  heads: ['classes', 'tokens', 'embedding'],
  used: { ...bertKeys, embedding_size: size.default(128) },
  fixed: bertFixed,
  // The summary is that of multiple choice.
  idle: [...bertIdle, 'summary_type', 'summary_use_proj', 'summary_activation', 'summary_last_dropout'],
  layout: (c, head, where) => ({
    config: {
      ...bertBlocks(c, where),
      ...encoderEnd(head, 'text', c.hidden_size, { width: c.hidden_size, activation: 'gelu' }),
      embedding: {
        kind: 'token',
        vocabulary: c.vocab_size,
        maxTokens: tokensOf(c.max_position_embeddings, head),
        segments: c.type_vocab_size,
        norm: true,
        ...(c.embedding_size !== c.hidden_size ? { width: c.embedding_size } : {}),
      },
    },
    adapter: {
      optionalPrefix: 'electra.',
      ignore: ['classifier.*', 'discriminator_predictions.*', 'generator_*'],
      tensors: {
        ...bertTensors('electra'),
        ...dense('embedding.projection', 'electra.embeddings_project'),
        ...dense('head.hidden', 'classifier.dense'),
        ...dense('head', head.kind === 'classes' ? 'classifier.out_proj' : 'classifier'),
      },
    },
  }),
});
