// Files from strangers that claim what is not so: a typed error that says where, in bounded time and memory.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CipherformerError } from '../../../base/src/errors.ts';
import { ConfigError, DataError, FormatError } from '../../../model/src/errors.ts';
import { readText } from '../../../model/src/files/storage.ts';
import { huggingFaceTokenizer } from '../../../model/src/text/tokenizer.ts';
import { parseLlama2c, parseLlama2cTokenizer } from '../../src/checkpoints/formats/llama2c.ts';
import { readPickle } from '../../src/checkpoints/formats/pickle.ts';
import { parsePth } from '../../src/checkpoints/formats/pth.ts';
import { huggingFaceLayout } from '../../src/checkpoints/huggingface/families.ts';
import { parseBpe, parseWordPieceEntries } from '../../src/text/tokenizer-folder.ts';
import { wordPieceFiles } from '../../src/text/word-piece.ts';
import { parseModelConfig } from '../../src/transformer/config.ts';
import { bertConfig, gptConfig, vitConfig } from '../../src/transformer/presets.ts';
import { parameterSpecs } from '../../src/transformer/weights.ts';
import { Pickle, zip } from './formats/pickles.ts';

const folder = mkdtempSync(join(tmpdir(), 'foreign-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What a call fails with: once, as some take a second. */
function failure(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return error;
  }
}

it('text that is none, or more than a string holds', () => {
  const path = join(folder, 'latin.txt');
  writeFileSync(path, Uint8Array.of(0xe9, 0x0a));
  expect(() => readText(path)).toThrow(DataError);
  expect(() => readText(folder)).toThrow(DataError);
});

describe('row 9: PyTorch files', () => {
  const tensor = (offset: number, shape: number[], stride: number[]) =>
    new Pickle().dictionary({ a: (p) => p.tensor('0', 'FloatStorage', offset, shape, stride) }).end();
  const file = (pickle: Uint8Array, storage = new Uint8Array(16)) => ({
    where: 'w.pth',
    bytes: zip({ 'm/data.pkl': pickle, 'm/data/0': storage }),
  });

  const refused: [string, Uint8Array, RegExp][] = [
    ['2^40 elements of one value', tensor(0, [2 ** 40], [0]), /"a" \[1099511627776\] brings the tensors to/],
    ['a product beyond all numbers', tensor(0, [2 ** 40, 2 ** 40, 2 ** 40], [0, 0, 0]), /brings the tensors to/],
    ['an offset below zero', tensor(-1, [1], [1]), /a tensor is malformed/],
    ['a shape below zero', tensor(0, [-2], [1]), /malformed shape/],
    ['strides beyond the storage', tensor(0, [2], [2 ** 40]), /reaches beyond its storage/],
    ['a name that is no text', new Pickle().text(Uint8Array.of(0xff)).end(), /not UTF-8/],
    ['a dictionary inside itself', new Pickle().raw('}q\0X\x01\0\0\0ah\0s.').bytes(), /more than 16 levels/],
    ['values without end', new Pickle().raw('}'.repeat(2 ** 22)).bytes(), /makes more than 4194304 values/],
    ['a name with escapes', new Pickle().raw('cos\x1b\nsystem\n').end(), /"os\\u001b.system"/],
  ];
  it.each(refused)('%s', (_, pickle, message) => {
    const error = failure(() => parsePth(file(pickle)));
    expect(error).toBeInstanceOf(FormatError);
    expect(error).toMatchObject({ message: expect.stringMatching(message) });
  });

  it('dictionaries that hold others twice each, 40 deep in sum, end', () => {
    // d0 = {}; d1 = {a: d0, b: d0}; ... each by its memo.
    let pickle = '}q\0';
    for (let i = 0; i < 15; i++) {
      const keys = Array.from({ length: 9 }, (_, k) => `X\x01\0\0\0${k}h${String.fromCharCode(i)}s`).join('');
      pickle += `}q${String.fromCharCode(i + 1)}${keys}`;
    }
    expect(() => parsePth(file(new Pickle().raw(`${pickle}.`).bytes()))).toThrow(/1000000 entries/);
  });

  it('many tensors of one storage do not multiply its memory', () => {
    const entries = Object.fromEntries(
      Array.from({ length: 2000 }, (_, i) => [`t${i}`, (p: Pickle) => p.tensor('0', 'FloatStorage', 0, [50_000], [1])]),
    );
    const pickle = new Pickle().dictionary(entries).end();
    expect(() => parsePth(file(pickle, new Uint8Array(200_000)))).toThrow(/values in a file of/);
  });

  it('a list of a million items', () => {
    expect(() => readPickle(new Pickle().raw(`](${'N'.repeat(1_000_000)}e.`).bytes(), 'x')).not.toThrow();
  });
});

describe('row 9: llama2.c files', () => {
  const header = (...fields: number[]) => ({ where: 'w.bin', bytes: new Uint8Array(Int32Array.from(fields).buffer) });
  const refused: [string, number[], RegExp][] = [
    ['a negative sequence', [8, 16, 1, 2, 2, 10, -4], /its sequence is -4/],
    ['no layers', [8, 16, 0, 2, 2, 10, 4], /its layers is 0/],
    ['heads that do not divide', [8, 16, 1, 3, 3, 10, 4], /dim 8 does not divide into 3 heads/],
    ['groups that do not divide', [8, 16, 1, 2, 4, 10, 4], /2 heads do not divide into 4 kv heads/],
    ['sizes without data', [8_000_000, 16, 1000, 2, 2, 9_000_000, 4], /ends inside "token_embedding"/],
    ['a size out of range', [2 ** 31 - 2, 16, 1, 2, 2, 10, 4], /its dim is 2147483646/],
  ];
  it.each(refused)('%s', (_, fields, message) => {
    expect(() => parseLlama2c(header(...fields))).toThrow(FormatError);
    expect(() => parseLlama2c(header(...fields))).toThrow(message);
  });

  it('a tokenizer of no pieces, and one of the same piece twice', () => {
    for (const bytes of [0, 3, 4])
      expect(() => parseLlama2cTokenizer({ where: 't', bytes: new Uint8Array(bytes) })).toThrow(FormatError);
    const piece = (text: string, score: number) => {
      const bytes = Buffer.alloc(8 + text.length, text);
      bytes.writeFloatLE(score, 0);
      bytes.writeInt32LE(text.length, 4);
      bytes.write(text, 8);
      return bytes;
    };
    const file = (...texts: string[]) => ({
      where: 't',
      bytes: Buffer.concat([Buffer.alloc(4), ...['u', 'b', 'e', ...texts].map((text, i) => piece(text, -i))]),
    });
    expect(() => parseLlama2cTokenizer(file('a', 'a'))).toThrow(/piece 3 stands there twice/);
    const tokenizer = huggingFaceTokenizer(parseLlama2cTokenizer(file(' ', 'a', 'b', 'ab', ' ab')));
    expect(tokenizer.encodeInput('ab b').ids).toEqual([1, 7, 3, 5]);
    expect(tokenizer.decode([7, 3, 5])).toBe(' ab b');
  });
});

describe('row 9: configurations', () => {
  const bert = {
    model_type: 'bert',
    vocab_size: 10,
    hidden_size: 8,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: 16,
    max_position_embeddings: 8,
  };
  const { vocab_size: _, max_position_embeddings: __, ...sizes } = bert;
  const vit = { ...sizes, model_type: 'vit', image_size: 8, patch_size: 4 };
  const refused: [string, object, RegExp][] = [
    ['layers without end', { ...bert, num_hidden_layers: 2 ** 40 }, /num_hidden_layers|layers/],
    ['a width without end', { ...bert, hidden_size: 2 ** 50 }, /hidden_size: .* \(found 1125899906842624\)/],
    ['classes without end', { ...bert, num_labels: 2 ** 40 }, /num_labels/],
    ['heads that do not divide', { ...bert, num_attention_heads: 3 }, /a width of 8 does not divide into 3/],
    ['an activation that is a method', { ...bert, hidden_act: 'constructor' }, /unknown activation "constructor"/],
    ['an architecture that is a method', { ...bert, model_type: 'toString' }, /unknown architecture/],
    ['classes with a gap', { ...bert, id2label: { 0: 'a', 2: 'b' } }, /id2label names "0", "2", not 1/],
    ['classes that are words', { ...bert, id2label: { a: 'x', b: 'y' } }, /id2label names "a", "b", not 0/],
    ['a class that a terminal obeys', { ...bert, id2label: { 0: '\u001b]0;x\u0007' } }, /control characters/],
    ['windows larger than the image', { ...vit, patch_size: 16 }, /16 x 16 pixels does not fit into 8 x 8/],
    [
      'offsets of all pairs without end',
      {
        ...vit,
        model_type: 'beit',
        image_size: 1024,
        patch_size: 1,
        num_channels: 1,
        use_relative_position_bias: true,
      },
      /relative positions of 1024 x 1024 places are more than 4096/,
    ],
    [
      'windows without end',
      {
        model_type: 'swin',
        image_size: 1024,
        patch_size: 1,
        num_channels: 1,
        window_size: 1024,
        depths: [1],
        num_heads: [1],
        embed_dim: 4,
      },
      /windows of 1024 in 1024 x 1024 patches have too many pairs/,
    ],
    [
      'kinds of layers without end',
      {
        model_type: 'gpt_neo',
        vocab_size: 10,
        hidden_size: 8,
        num_layers: 2,
        num_heads: 2,
        max_position_embeddings: 8,
        attention_types: Array.from({ length: 64 }, () => [Array.from({ length: 1024 }, () => 'local'), 1024]),
      },
      /attention_types stands for 67108864 layers, num_layers is 2/,
    ],
    ['an image without end', { ...vit, image_size: 2 ** 20 }, /at most 16777216/],
  ];
  it.each(refused)('%s', (_, config, message) => {
    expect(() => huggingFaceLayout(config, 'config.json')).toThrow(ConfigError);
    expect(() => huggingFaceLayout(config, 'config.json')).toThrow(message);
  });

  it('a model of 131,072 positions has its tensors counted without tables of that size', () => {
    const sizes = { vocabulary: 11, width: 8, layers: 1, heads: 2, mlpWidth: 16 };
    const long = gptConfig({ ...sizes, maxTokens: 2 ** 17, tied: true });
    expect(parameterSpecs(long).find(({ name }) => name === 'embedding.position.weight')!.shape).toEqual([2 ** 17, 8]);
    expect(parameterSpecs(bertConfig({ ...sizes, maxTokens: 7, classes: 3, pool: 'class' })).length).toBeGreaterThan(
      10,
    );
  });

  it('layers of our own configurations are bounded too', () => {
    const config = vitConfig({
      image: { channels: 1, height: 4, width: 4 },
      patch: 2,
      width: 4,
      layers: 1,
      heads: 1,
      mlpWidth: 4,
      classes: 2,
      pool: 'mean',
    });
    expect(() => parseModelConfig({ ...config, layers: 2 ** 30 })).toThrow(/layers: .* \(found 1073741824\)/);
  });
});

describe('row 9: tokenizers', () => {
  const good = wordPieceFiles(['[UNK]', 'a', 'b']);
  const changed = (change: object) => ({ ...good, tokenizer: { ...good.tokenizer, ...change } });
  const model = good.tokenizer.model as Record<string, unknown>;
  const refused: [string, Parameters<typeof huggingFaceTokenizer>[0], RegExp][] = [
    ['nothing', { tokenizer: null as unknown as Record<string, unknown>, config: {} }, /t cannot be used/],
    ['no model', changed({ model: undefined }), /model/],
    ['no vocabulary', changed({ model: { ...model, vocab: {} }, added_tokens: [] }), /its vocabulary is empty/],
    ['numbers that are none', changed({ model: { ...model, vocab: { a: 1.5 } } }), /vocab/],
    ['numbers without end', changed({ model: { ...model, vocab: { a: 2 ** 40 } } }), /vocab/],
    ['an unknown part', changed({ pre_tokenizer: { type: 'Magic' } }), /pre_tokenizer\.type: .*Magic/],
    ['added tokens that are none', changed({ added_tokens: [null] }), /added_tokens\[0\]/],
  ];
  it.each(refused)('%s', (_, files, message) => {
    expect(() => huggingFaceTokenizer(files, 't')).toThrow(ConfigError);
    expect(() => huggingFaceTokenizer(files, 't')).toThrow(message);
  });

  it('a vocabulary of 300,000 entries is read', () => {
    const entries = ['[UNK]', ...Array.from({ length: 300_000 }, (_, i) => `e${i}`)];
    expect(huggingFaceTokenizer(wordPieceFiles(entries)).size).toBe(300_001);
  });

  it('a text for which there is no number is refused, not given the number 0', () => {
    const lost = changed({ model: { ...model, vocab: { a: 0 }, unk_token: '[UNK]' }, added_tokens: [] });
    expect(huggingFaceTokenizer(lost, 't').encode('a')).toEqual([0]);
    expect(() => huggingFaceTokenizer(lost, 't').encode('a z')).toThrow(
      /token 1 of a text the number undefined, not one from 0 to 0/,
    );
  });

  it('word lists with repeated lines would renumber what follows', () => {
    expect(parseWordPieceEntries('[UNK]\na\r\nb\n', 'v')).toEqual(['[UNK]', 'a', 'b']);
    expect(parseWordPieceEntries('[UNK]\n\na\n', 'v')).toEqual(['[UNK]', '', 'a']);
    expect(() => parseWordPieceEntries('a\nb\na\n', 'v')).toThrow(/v, line 3: "a" stands on line 1, too/);
    expect(() => parseWordPieceEntries('a\rb', 'v')).toThrow(CipherformerError);
  });

  it('a BPE vocabulary whose numbers are not those of its entries, merges that are no pairs', () => {
    const bpe = (vocabulary: Record<string, unknown>, merges: string) => parseBpe(vocabulary, 'v', merges, 'm');
    expect(bpe({ b: 1, a: 0, ab: 2 }, '#version: 0.2\na b\n').tokenizer.model).toMatchObject({ merges: ['a b'] });
    expect(() => bpe({ a: 0, b: 2 }, '')).toThrow(/v: "b" has the number 2: 2 entries have the numbers 0 to 1/);
    expect(() => bpe({ a: 0, b: 0 }, '')).toThrow(FormatError);
    expect(() => bpe({ a: null }, '')).toThrow(/"a" has the number null/);
    expect(() => bpe({ a: 0 }, 'a b c\n')).toThrow(/m, line 1: "a b c" is not a pair/);
  });
});
