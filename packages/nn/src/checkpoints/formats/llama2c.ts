import {
  FormatError,
  huggingFaceTokenizer,
  type StoredTensor,
  type Tokenizer,
  type TokenizerFiles,
} from '@cipherformer/model';
import { readBytes } from '@cipherformer/model/files';
import type { NamedBytes } from '@cipherformer/model/untrusted';

/**
 * The version-0 checkpoint of karpathy/llama2.c: seven int32 (dim, hidden, layers, heads, kv heads, vocabulary,
 * sequence), then float32 tensors one after another, each stacked over layers; two tables of rotary angles follow.
 * Tensors come out under the names the format's own source gives them, with ".{layer}" added.
 */
export const readLlama2c = (path: string): Map<string, StoredTensor> =>
  parseLlama2c({ where: path, bytes: readBytes(path) });

/** @throws FormatError naming the file and the field or tensor */
export function parseLlama2c({ where, bytes }: NamedBytes): Map<string, StoredTensor> {
  const fail = (message: string): never => {
    throw new FormatError(`${where} is not a llama2.c checkpoint (version 0): ${message}`);
  };
  if (bytes.length < 28) fail(`it has ${bytes.length} bytes, fewer than its header. Was it truncated?`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const field = (name: string, i: number) => {
    const value = view.getInt32(4 * i, true);
    const size = name === 'vocabulary' ? Math.abs(value) : value;
    if (size < 1 || size > 1e7) fail(`its ${name} is ${value}, which is out of range.`);
    return value;
  };
  const names = ['dim', 'hidden', 'layers', 'heads', 'kv heads', 'vocabulary', 'sequence'];
  const header = names.map(field) as [number, number, number, number, number, number, number];
  const [dim, hidden, layers, heads, groups, vocabulary, sequence] = header;
  if (dim % (2 * heads) !== 0) fail(`dim ${dim} does not divide into ${heads} heads of even width.`);
  if (heads % groups !== 0) fail(`${heads} heads do not divide into ${groups} kv heads.`);
  // A negative vocabulary says that the output layer is stored apart from the embedding.
  const apart = vocabulary < 0;
  const entries = Math.abs(vocabulary);
  const headWidth = dim / heads;
  const shared = groups * headWidth;
  const layout: [string, number, readonly number[]][] = [
    ['token_embedding', 1, [entries, dim]],
    ['rms_att', layers, [dim]],
    ['wq', layers, [dim, dim]],
    ['wk', layers, [shared, dim]],
    ['wv', layers, [shared, dim]],
    ['wo', layers, [dim, dim]],
    ['rms_ffn', layers, [dim]],
    ['w1', layers, [hidden, dim]],
    ['w2', layers, [dim, hidden]],
    ['w3', layers, [hidden, dim]],
    ['rms_final', 1, [dim]],
    ['freq_cis_real', 1, [sequence, headWidth / 2]],
    ['freq_cis_imag', 1, [sequence, headWidth / 2]],
    ...(apart ? [['wcls', 1, [entries, dim]] as [string, number, readonly number[]]] : []),
  ];
  const tensors = new Map<string, StoredTensor>();
  let offset = 28;
  for (const [name, copies, shape] of layout) {
    const count = shape.reduce((a, b) => a * b, 1);
    for (let layer = 0; layer < copies; layer++) {
      if (offset + 4 * count > bytes.length) fail(`it ends inside "${name}". Was it truncated?`);
      const data = Float32Array.from({ length: count }, (_, i) => view.getFloat32(offset + 4 * i, true));
      tensors.set(copies === 1 ? name : `${name}.${layer}`, { shape, data });
      offset += 4 * count;
    }
  }
  if (offset !== bytes.length) fail(`${bytes.length - offset} bytes follow the last tensor.`);
  return tensors;
}

/** llama2.c's tokenizer file: int32 longest piece, then per piece float32 score, int32 length, bytes. */
export const readLlama2cTokenizer = (path: string): Tokenizer =>
  huggingFaceTokenizer(parseLlama2cTokenizer({ where: path, bytes: readBytes(path) }), path);

/** Numbers that llama2.c gives to what is no text: an unknown piece, the beginning and the end of a text. */
const marks = ['<unk>', '<s>', '</s>'] as const;

/**
 * As the files of a SentencePiece BPE, whose merges are those pairs of pieces that make a piece, best scores first.
 * @throws FormatError naming the file and the piece
 */
export function parseLlama2cTokenizer({ where, bytes }: NamedBytes): TokenizerFiles {
  const pieces = piecesOf({ where, bytes });
  const entries = pieces.map(({ text }, id) => marks[id] ?? text.replaceAll(' ', '▁'));
  const vocab = new Map(entries.map((entry, id) => [entry, id]));
  const twice = entries.findIndex((entry, id) => vocab.get(entry) !== id);
  if (twice >= 0) throw new FormatError(`${where} is not a llama2.c tokenizer: piece ${twice} stands there twice.`);
  const merged = [...entries.keys()]
    .filter((id) => id >= marks.length)
    .sort((a, b) => pieces[b]!.score - pieces[a]!.score || a - b);
  const merges = merged.flatMap((id) => {
    const characters = [...entries[id]!];
    return characters.slice(1).flatMap((_, i): [string, string][] => {
      const [left, right] = [characters.slice(0, i + 1).join(''), characters.slice(i + 1).join('')];
      return vocab.has(left) && vocab.has(right) ? [[left, right]] : [];
    });
  });
  const beginning = marks[1];
  const before = { SpecialToken: { id: beginning, type_id: 0 } };
  const text = { Sequence: { id: 'A', type_id: 0 } };
  return {
    tokenizer: {
      added_tokens: marks.map((content, id) => ({ id, content, normalized: false, special: true })),
      normalizer: {
        type: 'Sequence',
        normalizers: [
          { type: 'Prepend', prepend: '▁' },
          { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
        ],
      },
      pre_tokenizer: null,
      post_processor: {
        type: 'TemplateProcessing',
        single: [before, text],
        pair: [before, text, before, { Sequence: { id: 'B', type_id: 0 } }],
        special_tokens: { [beginning]: { id: beginning, ids: [1], tokens: [beginning] } },
      },
      decoder: {
        type: 'Sequence',
        decoders: [
          { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
          { type: 'ByteFallback' },
          { type: 'Fuse' },
        ],
      },
      model: { type: 'BPE', vocab: Object.fromEntries(vocab), merges, unk_token: marks[0], byte_fallback: true },
    },
    config: {},
  };
}

/** The pieces in order, with the scores by which they are merged. */
function piecesOf({ where, bytes }: NamedBytes): { text: string; score: number }[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pieces: { text: string; score: number }[] = [];
  const utf8 = new TextDecoder();
  let offset = 4;
  while (offset < bytes.length) {
    const length = offset + 8 <= bytes.length ? view.getInt32(offset + 4, true) : -1;
    if (length < 0 || offset + 8 + length > bytes.length) {
      throw new FormatError(`${where} is not a llama2.c tokenizer: piece ${pieces.length} runs past its end.`);
    }
    const text = utf8.decode(bytes.subarray(offset + 8, offset + 8 + length));
    pieces.push({ text, score: view.getFloat32(offset, true) });
    offset += 8 + length;
  }
  if (pieces.length <= marks.length)
    throw new FormatError(`${where} is not a llama2.c tokenizer: it holds ${pieces.length} pieces.`);
  return pieces;
}
