import { ConfigError } from '../errors.ts';
import { shown } from '../untrusted/index.ts';

/**
 * The normaliser that SentencePiece compiles into its models: a double-array trie (darts-clone) from UTF-8 bytes to
 * places in a table of texts. A grapheme of up to five bytes is looked up whole, then characters one by one.
 * @param base64 the size of the trie in bytes (32 bits, little endian), the trie, texts that end in a zero byte
 * @throws ConfigError for bytes that are no such table
 */
export function charsmapNormaliser(base64: string, where: string): (text: string) => string {
  const bytes = decodeBase64(base64, where);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const size = bytes.length >= 4 ? view.getUint32(0, true) : 0;
  if (size % 4 !== 0 || size === 0 || 4 + size > bytes.length)
    throw new ConfigError(`${where} has a precompiled_charsmap that is no table of ${bytes.length} bytes.`);
  const units = Uint32Array.from({ length: size / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
  const texts = bytes.subarray(4 + size);
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();

  /** The text for the shortest prefix in the trie, as the library takes it. */
  const lookUp = (part: string): string | undefined => {
    const key = encoder.encode(part);
    let node = offset(units[0]!);
    for (const byte of key) {
      if (byte === 0) return undefined;
      node ^= byte;
      const unit = units[node];
      if (unit === undefined || label(unit) !== byte) return undefined;
      node ^= offset(unit);
      if (!hasLeaf(unit)) continue;
      const leaf = units[node];
      if (leaf === undefined) return undefined;
      const start = leaf & 0x7fffffff;
      const end = texts.indexOf(0, start);
      return start <= texts.length ? decoder.decode(texts.subarray(start, end < 0 ? texts.length : end)) : undefined;
    }
    return undefined;
  };
  const known = new Map<string, string>();
  const character = (one: string): string => {
    let result = known.get(one);
    if (result === undefined) {
      result = lookUp(one) ?? one;
      if (known.size < 2 ** 16) known.set(one, result);
    }
    return result;
  };
  const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });
  return (text) => {
    // Graphemes of ASCII are its characters, but for the pair of return and line feed.
    if (/^[\t\n -~]*$/.test(text)) return Array.from(text, character).join('');
    return Array.from(graphemes.segment(text), ({ segment }) => {
      const whole = encoder.encode(segment).length < 6 ? lookUp(segment) : undefined;
      return whole ?? Array.from(segment, character).join('');
    }).join('');
  };
}

// A unit of darts-clone: a leaf's value, or label, whether there is a leaf, and how far its children are.
const hasLeaf = (unit: number) => ((unit >>> 8) & 1) === 1;
const label = (unit: number) => unit & 0x800000ff;
const offset = (unit: number) => (unit >>> 10) << ((unit & 0x200) >>> 6);

function decodeBase64(text: string, where: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    throw new ConfigError(`${where} has the precompiled_charsmap ${shown(text)}, which is not base64.`);
  }
}
