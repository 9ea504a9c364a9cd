import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../model/src/errors.ts';
import { readText } from '../../../model/src/files/storage.ts';
import { byteAlphabet } from '../../../model/src/text/pre-tokenisers.ts';
import { encodeTexts, huggingFaceTokenizer } from '../../../model/src/text/tokenizer.ts';
import { trainByteBpe } from '../../src/text/bpe.ts';
import { characterTokenizer } from '../../src/text/characters.ts';
import { encodeLong } from '../../src/text/tokenizers.ts';
import { trimWordPiece, wordPieceFiles } from '../../src/text/word-piece.ts';

const text = readText(join(import.meta.dirname, '../data/moby-dick-opening.txt.gz'));

describe('byte-level BPE', () => {
  const files = trainByteBpe([text], 400);
  const tokenizer = huggingFaceTokenizer(files);

  it('has an alphabet of 256 different printable characters', () => {
    expect(new Set(byteAlphabet()).size).toBe(256);
    expect(byteAlphabet()[0x41]).toBe('A');
    expect(byteAlphabet()[0x20]).toBe('\u0120');
  });

  it('fills the vocabulary with the most frequent pairs, the same every time', () => {
    expect(tokenizer.size).toBe(400);
    expect(trainByteBpe([text], 400)).toEqual(files);
    // The most frequent pair of adjacent bytes within words, counted apart.
    const counts = new Map<string, number>();
    for (const word of text.match(/ ?\p{L}+/gu)!) {
      for (let i = 0; i + 1 < word.length; i++) {
        const pair = word.slice(i, i + 2).replace(' ', '\u0120');
        counts.set(pair, (counts.get(pair) ?? 0) + 1);
      }
    }
    const [top] = [...counts].sort((a, b) => b[1] - a[1]);
    const { merges } = files.tokenizer.model as { merges: string[] };
    expect(merges[0]!.replace(' ', '')).toBe(top![0]);
    expect(new Set(merges).size).toBe(144);
  });

  it('shortens text and gives every text back, known or not', () => {
    const ids = encodeLong(text, tokenizer);
    expect(ids.length).toBeLessThan(0.65 * text.length);
    expect(tokenizer.decode([...ids])).toBe(text);
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        expect(tokenizer.decode(tokenizer.encode(value))).toBe(value);
      }),
    );
  });

  it('stops where no pair repeats', () => {
    expect(huggingFaceTokenizer(trainByteBpe(['ab'], 1000)).size).toBe(256);
  });
});

describe('WordPiece', () => {
  const entries = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'call', 'me', 'is', '##hma', '##el', '.', 'e', 'a'];
  const tokenizer = huggingFaceTokenizer(wordPieceFiles(entries));

  it('takes the longest piece first, lower-cases, strips accents, and marks what it does not know', () => {
    const pieces = (value: string) => tokenizer.encode(value).map((id) => entries[id]);
    expect(pieces('Call me Ishmael.')).toEqual(['call', 'me', 'is', '##hma', '##el', '.']);
    expect(pieces('\u00c9')).toEqual(['e']);
    expect(pieces('whale me')).toEqual(['[UNK]', 'me']);
  });

  it('frames and cuts classifier inputs', () => {
    const [short, long] = encodeTexts(['call me', 'me me me me me me'], tokenizer, 5);
    expect([...short!]).toEqual([2, 4, 5, 3]);
    expect([...long!]).toEqual([2, 5, 5, 5, 3]);
  });

  it('trims to what is used, keeping the marks and single characters', () => {
    expect(trimWordPiece(entries, ['call call me'], 2)).toEqual([
      '[PAD]',
      '[UNK]',
      '[CLS]',
      '[SEP]',
      'call',
      '.',
      'e',
      'a',
    ]);
    expect(() => wordPieceFiles(['a'])).toThrow(ConfigError);
  });
});

describe('characters', () => {
  it('numbers them in sorted order and refuses others', () => {
    const tokenizer = characterTokenizer(['hello', 'world']);
    expect(tokenizer.decode(tokenizer.encode('world'))).toBe('world');
    expect(tokenizer.encode('deh')).toEqual([0, 1, 2]);
    expect(() => tokenizer.encode('x')).toThrow(/"x" is not in the vocabulary/);
  });
});
