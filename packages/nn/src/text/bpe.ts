import { byteAlphabet, type TokenizerFiles } from '@cipherformer/model';

/**
 * Trains a byte-level BPE vocabulary (Sennrich et al., 2016, on bytes as in GPT-2): text is cut into words with
 * their leading space, words into bytes, and the most frequent adjacent pair is merged until the vocabulary is full.
 * Ties are broken by the pair's text, so the same texts always give the same vocabulary.
 */

/** GPT-2's cut into words: contractions, letters, digits, other marks, each with one leading space; runs of space. */
const wordPattern = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/**
 * Cuts a long text after line ends. Corpora are encoded piece by piece (tokenizers take time quadratic in a text's
 * length in places), so the vocabulary is trained on the same pieces.
 */
export const linePieces = (text: string): string[] => text.split(/(?<=\n)(?=[^\n])/);

interface Word {
  symbols: string[];
  readonly count: number;
}

/** `size` entries in all: the special tokens first, then 256 bytes, then merges. */
export function trainByteBpe(texts: readonly string[], size: number, specials: readonly string[] = []): TokenizerFiles {
  const alphabet = byteAlphabet();
  const encoder = new TextEncoder();
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const piece of linePieces(text)) {
      for (const [word] of piece.matchAll(wordPattern)) counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  const words: Word[] = [...counts].map(([word, count]) => ({
    symbols: Array.from(encoder.encode(word), (byte) => alphabet[byte]!),
    count,
  }));
  const merges = learnMerges(words, size - specials.length - 256);
  const entries = [...specials, ...alphabet, ...merges.map(([a, b]) => a + b)];
  return bpeFiles(entries, merges, specials);
}

function learnMerges(words: readonly Word[], wanted: number): [string, string][] {
  // How often each pair occurs, and in which words: a merge then touches only the words it changes.
  const pairs = new Map<string, { count: number; readonly words: Set<Word> }>();
  const key = (a: string, b: string) => `${a} ${b}`;
  const account = (word: Word, sign: 1 | -1) => {
    for (let i = 0; i + 1 < word.symbols.length; i++) {
      const name = key(word.symbols[i]!, word.symbols[i + 1]!);
      const entry = pairs.get(name) ?? { count: 0, words: new Set() };
      entry.count += sign * word.count;
      if (sign > 0) entry.words.add(word);
      pairs.set(name, entry);
    }
  };
  for (const word of words) account(word, 1);
  const merges: [string, string][] = [];
  while (merges.length < wanted) {
    let best: string | undefined;
    let bestCount = 1;
    for (const [name, { count }] of pairs) {
      if (count > bestCount || (count === bestCount && best !== undefined && name < best)) {
        best = name;
        bestCount = count;
      }
    }
    if (best === undefined) break;
    const [a, b] = best.split(' ') as [string, string];
    merges.push([a, b]);
    for (const word of pairs.get(best)!.words) {
      account(word, -1);
      word.symbols = mergePair(word.symbols, a, b);
      account(word, 1);
    }
    pairs.delete(best);
  }
  return merges;
}

function mergePair(symbols: readonly string[], a: string, b: string): string[] {
  const merged: string[] = [];
  for (let i = 0; i < symbols.length; i++) {
    if (symbols[i] === a && symbols[i + 1] === b) {
      merged.push(a + b);
      i++;
    } else merged.push(symbols[i]!);
  }
  return merged;
}

/** Wraps a byte-level BPE vocabulary (entries in order of their numbers) and its merges as tokenizer files. */
export function bpeFiles(
  entries: readonly string[],
  merges: readonly (readonly [string, string])[],
  specials: readonly string[] = [],
): TokenizerFiles {
  const [cls, sep] = ['[CLS]', '[SEP]'].map((mark) => specials.indexOf(mark)) as [number, number];
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: specials.map((content, id) => ({
        id,
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      })),
      normalizer: null,
      pre_tokenizer: byteLevel,
      post_processor: cls < 0 || sep < 0 ? null : { type: 'BertProcessing', sep: ['[SEP]', sep], cls: ['[CLS]', cls] },
      decoder: byteLevel,
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        vocab: Object.fromEntries(entries.map((entry, id) => [entry, id])),
        merges: merges.map((pair) => pair.join(' ')),
      },
    },
    config: { tokenizer_class: 'GPT2Tokenizer', model_max_length: 1_000_000, clean_up_tokenization_spaces: false },
  };
}
