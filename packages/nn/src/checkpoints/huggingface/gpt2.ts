import { z } from 'zod';
import type { AdapterInput } from '../adapter.ts';
import { decoderEmbedding, headCopies, headTensors, padding, tiedHead } from './decoder.ts';
import { activation, dense, epsilon, family, headWidth, size } from './family.ts';
import { decoderEnd } from './heads.ts';

/** A linear layer that the file stores [in, out]. */
const conv = (target: string, source: string): AdapterInput['tensors'] => ({
  [`${target}.weight`]: { from: `${source}.weight`, transpose: true },
  [`${target}.bias`]: `${source}.bias`,
});

/** GPT-2: language models with learned positions, classifiers of the last token. */
export const gpt2 = family({
  name: 'GPT2',
  heads: ['language', 'classes', 'tokens', 'embedding'],
  used: {
    ...padding,
    vocab_size: size,
    n_embd: size,
    n_layer: size,
    n_head: size,
    n_inner: size.nullish(),
    n_positions: size,
    activation_function: activation('gelu_new'),
    layer_norm_epsilon: epsilon(1e-5),
    tie_word_embeddings: z.boolean().default(true),
    scale_attn_weights: z.boolean().default(true),
    scale_attn_by_inverse_layer_idx: z.boolean().default(false),
  },
  idle: [
    ...['attn_pdrop', 'embd_pdrop', 'resid_pdrop', 'is_decoder', 'n_ctx', 'classifier_dropout', 'hidden_dropout'],
    // Order of operations alone.
    'reorder_and_upcast_attn',
    // Of the head for multiple choice.
    ...['summary_type', 'summary_use_proj', 'summary_activation', 'summary_proj_to_labels', 'summary_first_dropout'],
  ],
  layout: (c, head, where) => {
    const at = 'transformer.h.{layer}';
    const read = tiedHead(head, c.tie_word_embeddings);
    return {
      config: {
        ...decoderEnd(read, c.n_embd, c.vocab_size, { tied: c.tie_word_embeddings }),
        embedding: decoderEmbedding(c, read, head.sentence?.maxTokens ?? c.n_positions),
        positions: { kind: 'learned' },
        width: c.n_embd,
        layers: c.n_layer,
        attention: {
          heads: c.n_head,
          headWidth: headWidth(c.n_embd, c.n_head, where),
          causal: true,
          ...(c.scale_attn_weights ? {} : { scale: 1 }),
          ...(c.scale_attn_by_inverse_layer_idx ? { scaleByLayer: true } : {}),
        },
        mlp: { width: c.n_inner ?? 4 * c.n_embd, activation: c.activation_function },
        norm: { kind: 'layer', epsilon: c.layer_norm_epsilon },
      },
      adapter: {
        optionalPrefix: 'transformer.',
        // Causal masks stored as buffers.
        ignore: ['*.attn.bias', '*.attn.masked_bias', ...headCopies(c.tie_word_embeddings, read.kind)],
        tensors: {
          'embedding.token.weight': 'transformer.wte.weight',
          'embedding.position.weight': { from: 'transformer.wpe.weight', firstRows: true },
          ...dense('layers.{layer}.norm1', `${at}.ln_1`),
          ...conv('layers.{layer}.attention.qkv', `${at}.attn.c_attn`),
          ...conv('layers.{layer}.attention.out', `${at}.attn.c_proj`),
          ...dense('layers.{layer}.norm2', `${at}.ln_2`),
          ...conv('layers.{layer}.mlp.up', `${at}.mlp.c_fc`),
          ...conv('layers.{layer}.mlp.down', `${at}.mlp.c_proj`),
          ...dense('norm', 'transformer.ln_f'),
          ...headTensors(read.kind),
        },
      },
    };
  },
});
