import { ConfigError } from '../errors.ts';
import { shown } from '../untrusted/index.ts';
import type { PostProcessorField, TemplatePiece } from './tokenizer-schema.ts';

/** Token numbers of an input, with the number of the text that each belongs to (BERT's token types). */
export interface Encoded {
  readonly ids: number[];
  readonly types: number[];
}

/** Where the marks of an input stand. */
type Slot =
  | { readonly ids: readonly number[]; readonly type: number }
  | { readonly text: 'A' | 'B'; readonly type: number };

/** Puts marks around one text, or two. */
export interface PostProcessor {
  readonly single: readonly Slot[];
  readonly pair: readonly Slot[];
}

const text = (name: 'A' | 'B', type: number): Slot => ({ text: name, type });
const mark = (id: number, type: number): Slot => ({ ids: [id], type });
const plain: PostProcessor = { single: [text('A', 0)], pair: [text('A', 0), text('B', 1)] };

/**
 * The post-processor of a tokenizer.json; null adds no marks.
 * @param where names the field, for messages
 * @throws ConfigError for a template whose tokens it does not number, or several that add marks
 */
export function makePostProcessor(field: PostProcessorField | null | undefined, where: string): PostProcessor {
  if (!field) return plain;
  switch (field.type) {
    case 'ByteLevel':
      // Only moves offsets.
      return plain;
    case 'BertProcessing': {
      const [cls, sep] = [field.cls[1], field.sep[1]];
      const single = [mark(cls, 0), text('A', 0), mark(sep, 0)];
      return { single, pair: [...single, text('B', 1), mark(sep, 1)] };
    }
    case 'RobertaProcessing': {
      const [cls, sep] = [field.cls[1], field.sep[1]];
      const single = [mark(cls, 0), text('A', 0), mark(sep, 0)];
      return { single, pair: [...single, mark(sep, 0), text('B', 0), mark(sep, 0)] };
    }
    case 'TemplateProcessing': {
      const slots = (pieces: readonly TemplatePiece[]) =>
        pieces.map((piece): Slot => {
          if ('Sequence' in piece) return text(piece.Sequence.id, piece.Sequence.type_id);
          const { id, type_id } = piece.SpecialToken;
          const known = Object.hasOwn(field.special_tokens, id) ? field.special_tokens[id] : undefined;
          if (!known) throw new ConfigError(`${where} uses the token ${shown(id)}, which its special_tokens lack.`);
          return { ids: known.ids, type: type_id };
        });
      return { single: slots(field.single), pair: slots(field.pair) };
    }
    case 'Sequence': {
      const adding = field.processors
        .map((part, i) => makePostProcessor(part, `${where}.processors[${i}]`))
        .filter((part) => part !== plain);
      if (adding.length > 1) throw new ConfigError(`${where} adds marks ${adding.length} times: once is supported.`);
      return adding[0] ?? plain;
    }
  }
}

/** The side that is cut off. */
export type Side = 'left' | 'right';

/**
 * The marks around texts that are cut so that all of it has at most `most` tokens: of two, the longer first.
 * @throws ConfigError where not even the marks fit
 */
export function assemble(
  { single, pair }: PostProcessor,
  first: readonly number[],
  second: readonly number[] | undefined,
  { most, side }: { readonly most: number; readonly side: Side },
): Encoded {
  const slots = second ? pair : single;
  const marks = slots.reduce((sum, slot) => sum + ('ids' in slot ? slot.ids.length : 0), 0);
  if (most < marks)
    throw new ConfigError(`An input of ${most} tokens has no room for the tokenizer's ${marks} marks: allow more.`);
  const [a, b] = lengths(first.length, second?.length ?? 0, most - marks);
  const cut = (ids: readonly number[], length: number) =>
    side === 'left' ? ids.slice(ids.length - length) : ids.slice(0, length);
  const parts = { A: cut(first, a), B: cut(second ?? [], b) };
  const filled = slots.map((slot) => ({ ids: 'ids' in slot ? slot.ids : parts[slot.text], type: slot.type }));
  return {
    ids: filled.flatMap(({ ids }) => [...ids]),
    types: filled.flatMap(({ ids, type }) => ids.map(() => type)),
  };
}

/** Inputs of a tokenizer that adds no marks. */
export const assembleUnmarked = (
  first: readonly number[],
  second: readonly number[] | undefined,
  most: number,
): Encoded => assemble(plain, first, second, { most, side: 'right' });

/** How long two texts stay: the longer one is cut to the shorter, then both ("longest_first"). */
function lengths(a: number, b: number, most: number): [number, number] {
  if (a + b <= most) return [a, b];
  const shorter = Math.min(a, b);
  const longer = shorter > most ? shorter : Math.max(shorter, most - shorter);
  if (shorter + longer > most) {
    const half = Math.floor(most / 2);
    return a > b ? [half + (most % 2), half] : [half, half + (most % 2)];
  }
  return a > b ? [longer, shorter] : [shorter, longer];
}
