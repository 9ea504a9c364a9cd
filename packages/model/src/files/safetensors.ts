import * as z from 'zod/mini';
import { FormatError, WeightError } from '../errors.ts';
import { checkForeign, decodeUtf8, parseJson, problems, shown } from '../untrusted/index.ts';
import { elementCount, formatShape, type StoredTensor, type Weights } from './stored-tensor.ts';

/**
 * safetensors: 8 bytes little-endian header length, a JSON header {name: {dtype, shape, data_offsets}}, then the
 * data. Files come from strangers, so every statement of the header is checked against the file before a byte of
 * data is touched. Source: the format's specification, github.com/huggingface/safetensors.
 */
const headerLimitBytes = 100_000_000;

/** Bytes of an element of each type, and how one is read. */
const elementTypes = new Map<string, readonly [bytes: number, read: (view: DataView, offset: number) => number]>([
  ['F64', [8, (view, offset) => view.getFloat64(offset, true)]],
  ['F32', [4, (view, offset) => view.getFloat32(offset, true)]],
  ['F16', [2, (view, offset) => halfToNumber(view.getUint16(offset, true))]],
  ['BF16', [2, (view, offset) => bfloatToNumber(view.getUint16(offset, true))]],
  ['I64', [8, (view, offset) => Number(view.getBigInt64(offset, true))]],
  ['I32', [4, (view, offset) => view.getInt32(offset, true)]],
  ['I16', [2, (view, offset) => view.getInt16(offset, true)]],
  ['I8', [1, (view, offset) => view.getInt8(offset)]],
  ['U8', [1, (view, offset) => view.getUint8(offset)]],
  ['BOOL', [1, (view, offset) => (view.getUint8(offset) ? 1 : 0)]],
]);

const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(z.int().check(z.minimum(0), z.maximum(2 ** 40))).check(z.maxLength(16)),
  data_offsets: z.tuple([z.int().check(z.minimum(0)), z.int().check(z.minimum(0))]),
});
type Entry = z.infer<typeof entrySchema>;

export interface SafetensorsFile {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: Map<string, StoredTensor>;
}

/** Bytes of a file from `start` to `end`. */
export type ReadRange = (start: number, end: number) => Uint8Array;

/** A file whose header has been checked. Tensors are read one at a time, so that it may be larger than memory. */
export interface OpenSafetensors {
  readonly metadata: Readonly<Record<string, string>>;
  readonly names: readonly string[];
  /** Converted to float32. @throws FormatError for an element type that is not known */
  read(name: string): StoredTensor;
}

/** Parses a safetensors file; `where` names it in messages. Values of every type are converted to float32. */
export function parseSafetensors(bytes: Uint8Array, where: string): SafetensorsFile {
  const { metadata, names, read } = openSafetensors((start, end) => bytes.subarray(start, end), bytes.length, where);
  return { metadata, tensors: new Map(names.map((name) => [name, read(name)])) };
}

/**
 * Checks the header of a file of `length` bytes against them.
 * @throws FormatError naming the file and what is wrong, before a tensor is read
 */
export function openSafetensors(range: ReadRange, length: number, where: string): OpenSafetensors {
  const fail = (message: string): never => {
    throw new FormatError(`${where} is not a valid safetensors file: ${message}`);
  };
  if (length < 8) fail(`it has ${length} bytes, fewer than the 8 of its length field. Was it truncated?`);
  const field = range(0, 8);
  const declared = new DataView(field.buffer, field.byteOffset, 8).getBigUint64(0, true);
  if (declared > BigInt(headerLimitBytes) || declared > BigInt(length - 8)) {
    fail(`its header claims ${declared} bytes of a file of ${length}. Was it truncated?`);
  }
  const start = 8 + Number(declared);
  let header: unknown;
  try {
    header = parseJson(decodeUtf8(range(8, start)));
  } catch {
    fail('its header is not JSON.');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) fail('its header is not a JSON object.');
  let metadata: Record<string, string> = {};
  const entries: [string, Entry][] = [];
  for (const [name, value] of Object.entries(header as Record<string, unknown>)) {
    if (name === '__metadata__') {
      const parsed = z.record(z.string(), z.string()).safeParse(value);
      metadata = parsed.success ? parsed.data : fail('"__metadata__" must map strings to strings.');
      continue;
    }
    const parsed = checkForeign(entrySchema, value);
    if (!parsed.success) fail(`the entry ${shown(name)} is malformed (${problems(parsed.error, value)}).`);
    entries.push([name, parsed.data!]);
  }
  entries.sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1]);
  let position = 0;
  for (const [name, { dtype, shape, data_offsets }] of entries) {
    const [begin, end] = data_offsets;
    const size = elementTypes.get(dtype)?.[0];
    if (begin !== position)
      fail(`the data of ${shown(name)} begins at ${begin}, expected ${position} (gap or overlap).`);
    if (end < begin || (size !== undefined && end - begin !== size * elementCount(shape))) {
      fail(`${shown(name)} ${formatShape(shape)} of ${dtype} cannot take ${end - begin} bytes.`);
    }
    if (start + end > length) {
      fail(`the data of ${shown(name)} ends at byte ${start + end} of a file of ${length}. Was it truncated?`);
    }
    position = end;
  }
  if (start + position !== length) fail(`${length - start - position} bytes follow the last tensor.`);
  const byName = new Map(entries);
  const read = (name: string): StoredTensor => {
    const { dtype, shape, data_offsets } = byName.get(name) ?? fail(`it has no ${shown(name)}.`);
    const [size, element] =
      elementTypes.get(dtype) ?? fail(`${shown(name)} has the unknown element type ${shown(dtype)}.`);
    const bytes = range(start + data_offsets[0], start + data_offsets[1]);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const data = new Float32Array(bytes.length / size);
    for (let i = 0; i < data.length; i++) data[i] = element(view, i * size);
    return { shape, data };
  };
  return { metadata, names: entries.map(([name]) => name), read };
}

/** IEEE 754 binary16 (1 sign, 5 exponent, 10 fraction bits). */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const scratch = new DataView(new ArrayBuffer(4));

/** bfloat16: the upper half of a binary32. */
export function bfloatToNumber(bits: number): number {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}

/** The binary16 nearest to a number, of two the even one. Infinite from 65,520 on. */
export function numberToHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (size >= 65_520) return sign | 0x7c00;
  // The unit in the last place, of subnormal numbers 2^-24.
  const exponent = Math.max(-14, Math.floor(Math.log2(size)));
  const units = roundHalfToEven(size * 2 ** (10 - exponent));
  // A mantissa that rounds up to 2048 carries into the exponent by itself.
  return sign | (units < 1024 ? units : ((exponent + 14) << 10) + units);
}

function roundHalfToEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}

/** How numbers are written. */
export type StoredType = 'F32' | 'F16';

/**
 * Serialises tensors, in the order of the map; the header is padded so that the data is 8-byte aligned.
 * @param type F16 rounds to 16 bits, half the size
 * @throws WeightError for a number that F16 cannot hold
 */
export function serialiseSafetensors(
  tensors: Weights,
  metadata: Readonly<Record<string, string>> = {},
  type: StoredType = 'F32',
): Uint8Array {
  let position = 0;
  const header: Record<string, unknown> = { __metadata__: metadata };
  const contents = new Map(
    [...tensors].map(([name, tensor]) => [name, type === 'F32' ? tensor.data : halves(name, tensor)]),
  );
  for (const [name, { shape }] of tensors) {
    const { byteLength } = contents.get(name)!;
    header[name] = { dtype: type, shape, data_offsets: [position, position + byteLength] };
    position += byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerBytes + position).fill(0x20, 8, 8 + headerBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.set(text, 8);
  let offset = 8 + headerBytes;
  for (const data of contents.values()) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return bytes;
}

function halves(name: string, { data }: StoredTensor): Uint16Array {
  const wide = data.findIndex((value) => Math.abs(value) >= 65_520);
  if (wide >= 0) throw new WeightError(`${shown(name)} holds ${data[wide]}, which 16 bits cannot: write 32 bits.`);
  return Uint16Array.from(data, numberToHalf);
}
