import {
  bfloatToNumber,
  elementCount,
  FormatError,
  formatShape,
  halfToNumber,
  type StoredTensor,
  type TensorSource,
} from '@cipherformer/model';
import { checkNotPointer, readBytes } from '@cipherformer/model/files';
import { type NamedBytes, shown } from '@cipherformer/model/untrusted';
import { readPickle } from './pickle.ts';
import type { PickleValue, TensorReference } from './pickle-values.ts';

/** Values of a storage type: bytes per element and how one is read. */
const readers = new Map<string, readonly [bytes: number, read: (view: DataView, offset: number) => number]>([
  ['FloatStorage', [4, (view, offset) => view.getFloat32(offset, true)]],
  ['DoubleStorage', [8, (view, offset) => view.getFloat64(offset, true)]],
  ['HalfStorage', [2, (view, offset) => halfToNumber(view.getUint16(offset, true))]],
  ['BFloat16Storage', [2, (view, offset) => bfloatToNumber(view.getUint16(offset, true))]],
  ['LongStorage', [8, (view, offset) => Number(view.getBigInt64(offset, true))]],
  ['IntStorage', [4, (view, offset) => view.getInt32(offset, true)]],
  ['BoolStorage', [1, (view, offset) => view.getUint8(offset)]],
  ['ShortStorage', [2, (view, offset) => view.getInt16(offset, true)]],
  ['CharStorage', [1, (view, offset) => view.getInt8(offset)]],
  ['ByteStorage', [1, (view, offset) => view.getUint8(offset)]],
]);

/** Deepest nesting of dictionaries; one that holds itself has no end. */
const maxDepth = 16;
const maxEntries = 1_000_000;

/**
 * Reads a PyTorch state dictionary (.pth, the zip form since PyTorch 1.6) without executing anything in it: a dictionary
 * of names to tensors, nested dictionaries joined with dots, other values left out.
 */
export const readPth = (path: string): Map<string, StoredTensor> => allOf(openPthFile(path));

/** The tensors of a file, each made when it is asked for: those of types that are not known may stay unread. */
export function openPthFile(path: string): TensorSource {
  const bytes = readBytes(path);
  checkNotPointer(bytes, path);
  return openPth({ where: path, bytes });
}

/** @throws FormatError naming the file and the tensor. Memory: at most 4 bytes for each of the file's, besides these. */
export const parsePth = (file: NamedBytes): Map<string, StoredTensor> => allOf(openPth(file));

const allOf = (source: TensorSource): Map<string, StoredTensor> =>
  new Map([...source.keys()].map((name) => [name, source.get(name)!]));

function openPth({ where, bytes }: NamedBytes): TensorSource {
  const files = readStoredZip(bytes, where);
  const pickle = [...files].find(([name]) => /(^|\/)data\.pkl$/.test(name));
  if (!pickle) throw new FormatError(`${where} has no data.pkl: it is not a PyTorch file of the zip form.`);
  const folder = pickle[0].slice(0, -'data.pkl'.length);
  const root = readPickle(pickle[1], where);
  if (!(root instanceof Map)) throw new FormatError(`${where} does not hold a state dictionary.`);
  const references = tensorsOf(root, where);
  let values = 0;
  for (const [name, reference] of references) {
    values += elementCount(reference.shape);
    // Tensors may share a storage, so their sum is what has to be bounded.
    if (values > bytes.length)
      throw new FormatError(
        `${where}: ${shown(name)} ${formatShape(reference.shape)} brings the tensors to ${values} values in a file of ${bytes.length} bytes.`,
      );
  }
  return {
    keys: () => references.keys(),
    has: (name) => references.has(name),
    get: (name) => {
      const reference = references.get(name);
      const storage = reference && files.get(`${folder}data/${reference.storage.key}`);
      return reference && resolve(reference, storage, `${where}: ${shown(name)}`);
    },
  };
}

/** The tensors of a dictionary and those inside of it, by name. */
function tensorsOf(root: PickleValue, where: string): Map<string, TensorReference> {
  const found = new Map<string, TensorReference>();
  let visited = 0;
  const collect = (prefix: string, value: PickleValue, depth: number) => {
    // Dictionaries that hold others twice each would make this endless without being deep.
    if (depth > maxDepth || ++visited > maxEntries)
      throw new FormatError(
        `${where}: ${shown(prefix)} is a dictionary of more than ${maxDepth} levels or ${maxEntries} entries.`,
      );
    if (value instanceof Map) {
      for (const [key, item] of value)
        if (typeof key === 'string') collect(prefix ? `${prefix}.${key}` : key, item, depth + 1);
    } else if (typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'tensor') {
      found.set(prefix, value);
    }
  };
  collect('', root, 0);
  return found;
}

function resolve(tensor: TensorReference, bytes: Uint8Array | undefined, where: string): StoredTensor {
  const reader = readers.get(tensor.storage.type);
  if (!bytes || !reader) throw new FormatError(`${where} refers to a storage that is missing.`);
  const [size, read] = reader;
  const count = elementCount(tensor.shape);
  const reach = tensor.shape.reduce((sum, extent, i) => sum + (extent - 1) * tensor.stride[i]!, tensor.offset);
  if (tensor.stride.length !== tensor.shape.length || (count > 0 && (reach + 1) * size > bytes.length)) {
    throw new FormatError(`${where} reaches beyond its storage of ${bytes.length} bytes.`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data = new Float32Array(count);
  const index = tensor.shape.map(() => 0);
  for (let i = 0; i < count; i++) {
    data[i] = read(
      view,
      size * index.reduce((sum, position, axis) => sum + position * tensor.stride[axis]!, tensor.offset),
    );
    for (let axis = index.length - 1; axis >= 0; axis--) {
      index[axis]! += 1;
      if (index[axis]! < tensor.shape[axis]!) break;
      index[axis] = 0;
    }
  }
  return { shape: tensor.shape, data };
}

/** The files of a zip archive whose entries are stored, not compressed, as PyTorch writes them. */
function readStoredZip(bytes: Uint8Array, where: string): Map<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fail = (message: string): never => {
    throw new FormatError(`${where} is not a readable zip archive: ${message}`);
  };
  // The directory's end is the last thing but a comment of at most 2^16 bytes.
  const first = Math.max(0, bytes.length - 22 - 2 ** 16);
  let end = bytes.length - 22;
  while (end >= first && view.getUint32(end, true) !== 0x06054b50) end--;
  if (end < first) fail('its directory is missing. Was it truncated?');
  const count = view.getUint16(end + 10, true);
  let position = view.getUint32(end + 16, true);
  const files = new Map<string, Uint8Array>();
  for (let i = 0; i < count; i++) {
    if (position + 46 > bytes.length || view.getUint32(position, true) !== 0x02014b50)
      fail('its directory is damaged.');
    const method = view.getUint16(position + 10, true);
    const size = view.getUint32(position + 24, true);
    const nameLength = view.getUint16(position + 28, true);
    const extra = view.getUint16(position + 30, true) + view.getUint16(position + 32, true);
    const local = view.getUint32(position + 42, true);
    const name = new TextDecoder().decode(bytes.subarray(position + 46, position + 46 + nameLength));
    if (method !== 0) fail(`${shown(name)} is compressed.`);
    if (local + 30 > bytes.length) fail(`${shown(name)} lies outside the file.`);
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    if (start + size > bytes.length) fail(`${shown(name)} lies outside the file.`);
    files.set(name, bytes.subarray(start, start + size));
    position += 46 + nameLength + extra;
  }
  return files;
}
