import { FormatError } from '../errors.ts';
import { elementCount } from '../graph/program.ts';
import type { StoredTensor } from '../model/weights.ts';
import { type PickleValue, readPickle, type TensorReference } from './pickle.ts';
import { bfloatToNumber, halfToNumber } from './safetensors.ts';
import { readBytes } from './storage.ts';

/** Values of a storage type: bytes per element and how one is read. */
const readers: Readonly<Record<string, readonly [number, (view: DataView, offset: number) => number]>> = {
  FloatStorage: [4, (view, offset) => view.getFloat32(offset, true)],
  DoubleStorage: [8, (view, offset) => view.getFloat64(offset, true)],
  HalfStorage: [2, (view, offset) => halfToNumber(view.getUint16(offset, true))],
  BFloat16Storage: [2, (view, offset) => bfloatToNumber(view.getUint16(offset, true))],
  LongStorage: [8, (view, offset) => Number(view.getBigInt64(offset, true))],
  IntStorage: [4, (view, offset) => view.getInt32(offset, true)],
  BoolStorage: [1, (view, offset) => view.getUint8(offset)],
};

/**
 * Reads a PyTorch state dictionary (.pth, the zip form since PyTorch 1.6) without executing anything in it: a dictionary
 * of names to tensors, nested dictionaries joined with dots, other values left out.
 */
export function readPth(path: string): Map<string, StoredTensor> {
  const files = readStoredZip(readBytes(path), path);
  const pickle = [...files].find(([name]) => /(^|\/)data\.pkl$/.test(name));
  if (!pickle) throw new FormatError(`${path} has no data.pkl: it is not a PyTorch file of the zip form.`);
  const folder = pickle[0].slice(0, -'data.pkl'.length);
  const tensors = new Map<string, StoredTensor>();
  const collect = (prefix: string, value: PickleValue) => {
    if (value instanceof Map) {
      for (const [key, item] of value) if (typeof key === 'string') collect(prefix ? `${prefix}.${key}` : key, item);
    } else if (typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'tensor') {
      tensors.set(prefix, resolve(value, files.get(`${folder}data/${value.storage.key}`), `${path}: "${prefix}"`));
    }
  };
  const root = readPickle(pickle[1], path);
  if (!(root instanceof Map)) throw new FormatError(`${path} does not hold a state dictionary.`);
  collect('', root);
  return tensors;
}

function resolve(tensor: TensorReference, bytes: Uint8Array | undefined, where: string): StoredTensor {
  const reader = readers[tensor.storage.type];
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
  let end = bytes.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0) fail('its directory is missing. Was it truncated?');
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
    if (method !== 0) fail(`"${name}" is compressed.`);
    if (local + 30 > bytes.length) fail(`"${name}" lies outside the file.`);
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    if (start + size > bytes.length) fail(`"${name}" lies outside the file.`);
    files.set(name, bytes.subarray(start, start + size));
    position += 46 + nameLength + extra;
  }
  return files;
}
