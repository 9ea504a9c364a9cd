import { ConfigError } from '@cipherformer/model';
import { z } from 'zod';
import type { AdapterInput } from '../adapter.ts';
import { bertBlocks, bertFixed, bertIdle, bertKeys, bertTensors, tokensOf } from './bert.ts';
import { dense, epsilon, family } from './family.ts';
import { encoderEnd } from './heads.ts';

/** Positions count from the one after that of padding; how many rows of their table come before. */
export const paddedPositions = { pad_token_id: z.int().min(0).max(1024).default(1) };

/** The positions left for tokens. @throws ConfigError where there are none */
export function positionsAfter(padding: number, rows: number, where: string): number {
  if (rows <= padding + 1)
    throw new ConfigError(
      `${where}: max_position_embeddings is ${rows}, of which the first ${padding + 1} stand for padding (pad_token_id ${padding}).`,
    );
  return rows - padding - 1;
}

/** A table of positions whose row number `padding` is that of padding, and those before it nobody's. */
export const paddedTable = (from: string, padding: number): AdapterInput['tensors'] => ({
  'embedding.position.weight': { from, skipRows: padding + 1, firstRows: true },
  'embedding.position.padding': { from, skipRows: padding, firstRows: true },
});

const roberta = (name: string) =>
  family({
    name,
    heads: ['classes', 'tokens', 'embedding'],
    used: { ...bertKeys, ...paddedPositions, layer_norm_eps: epsilon(1e-12) },
    fixed: bertFixed,
    idle: bertIdle,
    layout: (c, head, where) => ({
      config: {
        ...bertBlocks(c, where),
        ...encoderEnd(head, 'text', c.hidden_size, { width: c.hidden_size, activation: 'tanh' }),
        positions: { kind: 'learned', padding: c.pad_token_id },
        embedding: {
          kind: 'token',
          vocabulary: c.vocab_size,
          maxTokens: tokensOf(positionsAfter(c.pad_token_id, c.max_position_embeddings, where), head),
          segments: c.type_vocab_size,
          norm: true,
        },
      },
      adapter: {
        optionalPrefix: 'roberta.',
        ignore: ['classifier.*', 'lm_head.*'],
        tensors: {
          ...bertTensors('roberta'),
          ...paddedTable('roberta.embeddings.position_embeddings.weight', c.pad_token_id),
          ...dense('head.hidden', 'classifier.dense'),
          ...dense('head', head.kind === 'classes' ? 'classifier.out_proj' : 'classifier'),
        },
      },
    }),
  });

/** RoBERTa: BERT's blocks; positions count from 2, a classifier has its own hidden layer. */
export const robertaFamily = roberta('Roberta');

/** XLM-RoBERTa: RoBERTa with another vocabulary. */
export const xlmRobertaFamily = roberta('XLMRoberta');
