import { DataError, FormatError, type StoredTensor, type Tokenizer } from '@cipherformer/model';
import { readBytes } from '@cipherformer/model/files';
import { type NamedBytes, shown } from '@cipherformer/model/untrusted';

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

/** llama2.c's tokenizer file: int32 longest piece, then per piece float32 score, int32 length, bytes. Decodes only. */
export const readLlama2cTokenizer = (path: string): Pick<Tokenizer, 'size' | 'decode'> =>
  parseLlama2cTokenizer({ where: path, bytes: readBytes(path) });

/** @throws FormatError naming the file and the piece; its `decode` DataError for a number that is none of the pieces' */
export function parseLlama2cTokenizer({ where, bytes }: NamedBytes): Pick<Tokenizer, 'size' | 'decode'> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pieces: Uint8Array[] = [];
  let offset = 4;
  while (offset < bytes.length) {
    const length = offset + 8 <= bytes.length ? view.getInt32(offset + 4, true) : -1;
    if (length < 0 || offset + 8 + length > bytes.length) {
      throw new FormatError(`${where} is not a llama2.c tokenizer: piece ${pieces.length} runs past its end.`);
    }
    pieces.push(bytes.subarray(offset + 8, offset + 8 + length));
    offset += 8 + length;
  }
  if (pieces.length === 0) throw new FormatError(`${where} is not a llama2.c tokenizer: it holds no pieces.`);
  const utf8 = new TextDecoder();
  const bytePiece = /^<0x([0-9A-F]{2})>$/;
  return {
    size: pieces.length,
    decode(ids) {
      const parts = ids.map((id) => {
        const piece = pieces[id];
        if (!piece) throw new DataError(`The token ${shown(id)} is none of the ${pieces.length} of ${where}.`);
        const byte = bytePiece.exec(utf8.decode(piece))?.[1];
        return byte ? Uint8Array.of(Number.parseInt(byte, 16)) : piece;
      });
      return utf8.decode(Buffer.concat(parts));
    },
  };
}
