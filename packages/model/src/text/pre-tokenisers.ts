import { ConfigError } from '../errors.ts';
import { compilePattern, type Pattern } from './pattern.ts';
import type { Behaviour, PreTokeniserField } from './tokenizer-schema.ts';

/** Cuts a text into the pieces that the model sees; `first`: whether it is the beginning of the input. */
export type PreTokeniser = (text: string, first: boolean) => string[];

/**
 * The pre-tokenizer of a tokenizer.json, as the Rust library of Hugging Face defines each; null leaves texts whole.
 * @param where names the field, for messages
 * @throws ConfigError for patterns that cannot be used
 */
export function makePreTokeniser(field: PreTokeniserField | null | undefined, where: string): PreTokeniser {
  if (!field) return (text) => [text];
  switch (field.type) {
    case 'Sequence': {
      const parts = field.pretokenizers.map((part, i) => makePreTokeniser(part, `${where}.pretokenizers[${i}]`));
      return (text, first) =>
        parts.reduce((pieces, part) => pieces.flatMap((piece, i) => part(piece, first && i === 0)), [text]);
    }
    case 'BertPreTokenizer':
      return (text) => text.match(/[^\p{White_Space}\p{P}!-/:-@[-`{-~]+|[\p{P}!-/:-@[-`{-~]/gu) ?? [];
    case 'Whitespace':
      return (text) =>
        text.match(
          /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+/gu,
        ) ?? [];
    case 'WhitespaceSplit':
      return (text) => text.match(/\P{White_Space}+/gu) ?? [];
    case 'Punctuation':
      return cutter(native(/[\p{P}!-/:-@[-`{-~]/gu), field.behavior);
    case 'Digits':
      return cutter(native(/\p{N}/gu), field.individual_digits ? 'Isolated' : 'Contiguous');
    case 'Split': {
      const pattern = compilePattern(field.pattern, `${where}.pattern`);
      return cutter(field.invert ? inverted(pattern) : pattern, field.behavior);
    }
    case 'Metaspace':
      return metaspace(field, where);
    case 'ByteLevel':
      return byteLevel(field);
  }
}

const native =
  (expression: RegExp): Pattern =>
  (text) =>
    Array.from(text.matchAll(expression), ({ index, 0: match }) => [index, index + match.length]);

/** What lies between matches. */
const inverted =
  (pattern: Pattern): Pattern =>
  (text) =>
    sections(text, pattern(text)).flatMap(({ start, end, matched }) => (matched ? [] : [[start, end]]));

interface Section {
  readonly start: number;
  readonly end: number;
  readonly matched: boolean;
}

/** A text as matches and what lies between them. */
function sections(text: string, matches: readonly (readonly [number, number])[]): Section[] {
  const result: Section[] = [];
  let at = 0;
  for (const [start, end] of matches) {
    if (start > at) result.push({ start: at, end: start, matched: false });
    result.push({ start, end, matched: true });
    at = end;
  }
  if (at < text.length) result.push({ start: at, end: text.length, matched: false });
  return result;
}

/** Cuts a text where a pattern matches. */
function cutter(pattern: Pattern, behaviour: Behaviour): PreTokeniser {
  return (text) => {
    const parts = sections(text, pattern(text));
    const joined: { start: number; end: number; matched: boolean }[] = [];
    for (const part of parts) {
      const last = joined.at(-1);
      const joins =
        last !== undefined &&
        ((behaviour === 'MergedWithPrevious' && part.matched && !last.matched) ||
          (behaviour === 'MergedWithNext' && last.matched && !part.matched) ||
          (behaviour === 'Contiguous' && part.matched === last.matched));
      if (!joins) joined.push({ ...part });
      else {
        last.end = part.end;
        last.matched = part.matched;
        // A piece that has taken its match in takes no other.
        if (behaviour === 'MergedWithPrevious') last.matched = true;
        if (behaviour === 'MergedWithNext') last.matched = false;
      }
    }
    return joined
      .filter(({ matched }) => behaviour !== 'Removed' || !matched)
      .map(({ start, end }) => text.slice(start, end));
  };
}

function metaspace(field: PreTokeniserField & { type: 'Metaspace' }, where: string): PreTokeniser {
  const { replacement, add_prefix_space: prefix, split } = field;
  if (field.str_rep !== undefined && field.str_rep !== replacement)
    throw new ConfigError(`${where} has two replacements: make replacement and str_rep the same.`);
  const scheme = field.prepend_scheme ?? (prefix === false ? 'never' : 'always');
  if (field.prepend_scheme !== undefined && prefix === false && scheme !== 'never')
    throw new ConfigError(`${where} has add_prefix_space false and prepend_scheme "${scheme}": take one of them.`);
  const pattern = compilePattern({ String: replacement }, where);
  const cut = split ? cutter(pattern, 'MergedWithNext') : (text: string) => [text];
  return (text, first) => {
    const marked = text.replaceAll(' ', replacement);
    const prepend = !marked.startsWith(replacement) && (scheme === 'always' || (scheme === 'first' && first));
    return cut(prepend ? replacement + marked : marked, first);
  };
}

const words =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

function byteLevel(field: PreTokeniserField & { type: 'ByteLevel' }): PreTokeniser {
  const encoder = new TextEncoder();
  const alphabet = byteAlphabet();
  return (given) => {
    const text = field.add_prefix_space && !given.startsWith(' ') ? ` ${given}` : given;
    const pieces = field.use_regex ? (text.match(words) ?? []) : [text];
    return pieces.map((piece) => {
      let result = '';
      for (const byte of encoder.encode(piece)) result += alphabet[byte];
      return result;
    });
  };
}

/** GPT-2's printable stand-ins for the 256 bytes. */
export function byteAlphabet(): string[] {
  const printable = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++));
}
