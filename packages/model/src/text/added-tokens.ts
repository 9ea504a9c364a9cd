import type { AddedToken } from './tokenizer-schema.ts';

/** A part of a text: an added token's number, or text that the model cuts. */
export type TextPart = number | string;

const wordCharacter = '[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]';
const startsWithWord = new RegExp(`^${wordCharacter}`, 'u');
const endsWithWord = new RegExp(`${wordCharacter}$`, 'u');

/** Tokens that are found in a text before the model sees it, the longest at each place, by their text. */
export class AddedTokens {
  /** By their first character, the longest first. */
  readonly #known = new Map<string, (readonly [string, AddedToken])[]>();

  constructor(tokens: readonly (readonly [string, AddedToken])[]) {
    for (const token of tokens.toSorted(([a], [b]) => b.length - a.length)) {
      const first = token[0][0];
      if (first !== undefined) this.#known.set(first, [...(this.#known.get(first) ?? []), token]);
    }
  }

  /** Cuts a text at the tokens in it; white space goes with a token that takes it (lstrip, rstrip). */
  split(text: string): TextPart[] {
    const parts: TextPart[] = [];
    let taken = 0;
    for (let at = 0; at < text.length; ) {
      const found = this.#known.get(text[at]!)?.find(([content]) => text.startsWith(content, at));
      if (!found) {
        at += 1;
        continue;
      }
      const [content, token] = found;
      let start = at;
      let end = at + content.length;
      at = end;
      if (token.single_word && insideWord(text, start, end)) continue;
      if (token.lstrip) while (start > taken && isSpace(text[start - 1]!)) start--;
      if (token.rstrip) while (end < text.length && isSpace(text[end]!)) end++;
      if (start > taken) parts.push(text.slice(taken, start));
      parts.push(token.id);
      taken = end;
    }
    if (taken < text.length) parts.push(text.slice(taken));
    return parts;
  }
}

const isSpace = (character: string) => /\p{White_Space}/u.test(character);

const insideWord = (text: string, start: number, end: number) =>
  endsWithWord.test(text.slice(Math.max(0, start - 2), start)) || startsWithWord.test(text.slice(end, end + 2));
