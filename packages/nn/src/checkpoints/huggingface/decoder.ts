import { z } from 'zod';
import type { AdapterInput } from '../adapter.ts';
import { dense } from './family.ts';
import type { Head } from './heads.ts';

// What models that read from left to right have in common.

/** The tensors that a tied head keeps a copy of, or that a head of classes leaves. */
export const headCopies = (tied: boolean, kind: string): string[] =>
  tied || kind !== 'language' ? ['lm_head.weight', 'embed_out.weight'] : [];

/** Decoders' key of the token that fills up a text. */
export const padding = { pad_token_id: z.int().min(0).nullish() };

/** A classifier of the last token that is none of padding's has to know it. */
const paddingOf = (c: { pad_token_id?: number | null | undefined }, kind: string) =>
  kind === 'classes' && typeof c.pad_token_id === 'number' ? { padding: c.pad_token_id } : {};

/** The table of tokens of a decoder that reads `maxTokens` of them. */
export const decoderEmbedding = (
  c: { readonly vocab_size: number; readonly pad_token_id?: number | null | undefined },
  { kind }: Head,
  maxTokens: number,
) => ({ kind: 'token' as const, vocabulary: c.vocab_size, maxTokens, ...paddingOf(c, kind) });

/** A model without a head whose output would be its own table is read as the language model that it is a part of. */
export const tiedHead = (head: Head, tied: boolean): Head =>
  head.kind === 'embedding' && !head.sentence && tied ? { ...head, kind: 'language' } : head;

/** The last map of a decoder. */
export function headTensors(kind: string, language = 'lm_head', tokens = 'classifier'): AdapterInput['tensors'] {
  if (kind === 'classes') return { 'head.weight': 'score.weight' };
  return dense('head', kind === 'tokens' ? tokens : language);
}
