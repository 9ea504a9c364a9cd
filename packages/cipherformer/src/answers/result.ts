import { PrivateAnswer } from '@cipherformer/runtime/client';
import { type Label, type Result, rankLabels } from '../door/answer.ts';
import type { Seen } from '../input/seen.ts';
import type { Asked, Said } from './asked.ts';

/** A result whose logits may be a row [outputs] a token. */
export type ClearResult = Omit<Result, 'logits'> & { readonly logits?: Said['logits'] };

export interface ResultOptions {
  /** Most labels of an answer. */
  readonly top: number;
  /** The values of images, too, not their shape alone. */
  readonly pixels?: boolean | undefined;
}

/** What a model saw and said. A head for tokens gives the best label of each. */
export function resultOf(model: Asked, seen: Seen, said: Said, { top, pixels }: ResultOptions): ClearResult {
  const { logits, inRange } = said;
  const nameOf = namesOf(model);
  const rank = (row: readonly number[], most: number): Label[] =>
    rankLabels(model.isMultiLabel ? row.map(sigmoid) : scoresOf(row), undefined, most).map(({ label, score }) => ({
      label: nameOf(Number(label)),
      score,
    }));
  const labels = model.isEmbedding ? [] : isRows(logits) ? logits.flatMap((row) => rank(row, 1)) : rank(logits, top);
  return {
    ...('ids' in seen ? { ids: seen.ids } : { pixels: pixelsOf(seen, pixels) }),
    ...(inRange === undefined ? {} : { inRange }),
    ...(inRange === false ? { reason: 'a value left the interval of a polynomial' } : {}),
    ...(model.isEmbedding
      ? { embedding: isRows(logits) ? logits.flat() : logits }
      : { labels: inRange === false ? [] : labels, logits }),
  };
}

const isRows = (logits: Said['logits']): logits is readonly (readonly number[])[] => Array.isArray(logits[0]);

/** Names of outputs; those of a language model are tokens as they would be written. */
function namesOf({ classes, form, isLanguage }: Asked): (output: number) => string {
  const tokenizer = isLanguage && form.kind === 'text' ? form.tokenizer : undefined;
  return (k) => classes?.[k] ?? tokenizer?.decode([k]) ?? `${k}`;
}

const sigmoid = (logit: number) => 1 / (1 + Math.exp(-logit));

/** As the client of an encrypted program makes them. */
const scoresOf = (row: readonly number[]) => new PrivateAnswer({ logits: Float64Array.from(row) }).reveal().scores;

/** float32, little-endian. */
function pixelsOf({ image, shape }: Extract<Seen, { image: unknown }>, withValues = false) {
  if (!withValues) return { shape };
  const bytes = Buffer.alloc(4 * image.length);
  for (const [i, value] of image.entries()) bytes.writeFloatLE(value, 4 * i);
  return { shape, base64: bytes.toString('base64') };
}
