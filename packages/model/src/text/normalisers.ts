import { charsmapNormaliser } from './charsmap.ts';
import { compilePattern } from './pattern.ts';
import type { NormaliserField } from './tokenizer-schema.ts';

/** Changes a text before it is cut. */
export type Normaliser = (text: string) => string;

/**
 * The normaliser of a tokenizer.json, as the Rust library of Hugging Face defines each; null leaves texts alone.
 * @param where names the field, for messages
 * @throws ConfigError for patterns and tables that cannot be used
 */
export function makeNormaliser(field: NormaliserField | null | undefined, where: string): Normaliser {
  if (!field) return (text) => text;
  switch (field.type) {
    case 'Sequence': {
      const parts = field.normalizers.map((part, i) => makeNormaliser(part, `${where}.normalizers[${i}]`));
      return (text) => parts.reduce((changed, part) => part(changed), text);
    }
    case 'BertNormalizer':
      return bertNormaliser(field);
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return (text) => text.normalize(field.type);
    case 'Lowercase':
      return lowercase;
    case 'StripAccents':
      // Combining marks alone: without a decomposition before it nothing else is an accent.
      return (text) => text.replace(/\p{M}/gu, '');
    case 'Strip':
      return (text) => strip(text, field.strip_left, field.strip_right);
    case 'Prepend':
      return (text) => (text === '' ? '' : field.prepend + text);
    case 'Replace': {
      const pattern = compilePattern(field.pattern, `${where}.pattern`);
      return (text) => {
        const parts: string[] = [];
        let at = 0;
        for (const [start, end] of pattern(text)) {
          parts.push(text.slice(at, start), field.content);
          at = end;
        }
        return parts.join('') + text.slice(at);
      };
    }
    case 'Precompiled':
      return field.precompiled_charsmap ? charsmapNormaliser(field.precompiled_charsmap, where) : (text) => text;
  }
}

/** Each character for itself: the library knows no word ends, where JavaScript writes another sigma. */
export const lowercase: Normaliser = (text) =>
  text.includes('Σ') ? Array.from(text, (character) => character.toLowerCase()).join('') : text.toLowerCase();

/** White space as Unicode defines it: JavaScript's counts U+FEFF in and U+0085 out. */
function strip(text: string, left: boolean, right: boolean): string {
  const start = left ? (/^\p{White_Space}+/u.exec(text)?.[0].length ?? 0) : 0;
  const rest = text.slice(start);
  let end = rest.length;
  while (right && end > 0 && /\p{White_Space}/u.test(rest[end - 1]!)) end--;
  return rest.slice(0, end);
}

const control = /[\0\ufffd]|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu;
/** The blocks of Chinese, Japanese and Korean ideographs that BERT knows. */
const ideograph =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;

function bertNormaliser(field: NormaliserField & { type: 'BertNormalizer' }): Normaliser {
  const stripAccents = field.strip_accents ?? field.lowercase;
  return (given) => {
    let text = given;
    if (field.clean_text) text = text.replace(control, '').replace(/\p{White_Space}/gu, ' ');
    if (field.handle_chinese_chars) text = text.replace(ideograph, ' $& ');
    if (stripAccents) text = text.normalize('NFD').replace(/\p{Mn}/gu, '');
    return field.lowercase ? lowercase(text) : text;
  };
}
