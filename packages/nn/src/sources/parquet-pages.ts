// What the pages of a Parquet column claim is checked before the library decodes them: it takes counts at their word, and
// a run of more values than an array holds, or prefixes that grow from value to value, end the process.
// Source: https://parquet.apache.org/docs/file-format/data-pages (pages, levels, encodings).
import type { ColumnMetaData, CompressionCodec, DataReader, PageHeader, SchemaTree } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { deltaBinaryUnpack } from 'hyparquet/src/delta.js';

/** Largest page, unpacked; and largest sum of texts that each share the beginning of the one before. */
export const maxPageBytes = 2 ** 30;
/** Values that the last bit-packed run of a page may have beyond the page's: writers fill it up. */
const mostPadding = 512;
/** Bits of the largest index into a dictionary. */
const maxIndexBits = 32;

/** Unpacks a page of the size that its header gives. @throws Error for another size or broken bytes */
export type Unpack = (bytes: Uint8Array, size: number) => Uint8Array;

/** A column whose values are one a row: not lists, maps, variants or shapes. */
export function isPlainColumn(path: readonly SchemaTree[]): boolean {
  const plain = ({ element: { repetition_type, logical_type } }: SchemaTree) =>
    repetition_type !== 'REPEATED' && !['VARIANT', 'GEOMETRY', 'GEOGRAPHY'].includes(logical_type?.type ?? '');
  return path.slice(1).every(plain);
}

/**
 * Walks the pages of one column of a group of rows.
 * @param chunk what the file holds of the column
 * @param path of the column in the schema, from the root; isPlainColumn
 * @throws Error naming what a page claims that cannot be: counts, sizes, runs, lengths
 */
export function checkPages(
  chunk: ArrayBuffer,
  { codec, type }: Pick<ColumnMetaData, 'codec' | 'type'>,
  path: readonly SchemaTree[],
  rows: number,
  unpack: (codec: CompressionCodec) => Unpack,
): void {
  const reader = { view: new DataView(chunk), offset: 0 };
  const maxLevel = path.slice(1).filter(({ element }) => element.repetition_type !== 'REQUIRED').length;
  let left = rows;
  let dictionaries = 0;
  while (reader.offset < chunk.byteLength - 1 && left > 0) {
    const header = parquetHeader(reader);
    const packed = bytesOf(reader, header.compressed_page_size);
    const size = within(header.uncompressed_page_size, maxPageBytes, 'bytes');
    if (header.type === 'DICTIONARY_PAGE') {
      if (++dictionaries > 1) throw new Error('two dictionaries of one column');
      within(header.dictionary_page_header?.num_values, size, 'values of a dictionary');
      continue;
    }
    const { encoding, values, held } = afterLevels(header, packed, size, { maxLevel, left, unpack: unpack(codec) });
    left -= held;
    checkValues(values, encoding, type === 'BOOLEAN', held);
  }
}

interface Values {
  readonly encoding: string;
  /** Where the values begin. */
  readonly values: DataReader;
  /** How many there are, empty ones included. */
  readonly held: number;
}

interface Column {
  /** Of a value that is there. */
  readonly maxLevel: number;
  /** Rows that no page before had. */
  readonly left: number;
  readonly unpack: Unpack;
}

function afterLevels(header: PageHeader, packed: Uint8Array, size: number, { maxLevel, left, unpack }: Column): Values {
  const { type, data_page_header: v1, data_page_header_v2: v2 } = header;
  if (type === 'DATA_PAGE' && v1) {
    const held = within(v1.num_values, left, 'values');
    const values = readerOf(unpack(packed, size));
    if (maxLevel > 0) checkRuns(readerOf(bytesOf(values, takeUint32(values))), bitsOf(maxLevel), held);
    return { encoding: v1.encoding, values, held };
  }
  if (type === 'DATA_PAGE_V2' && v2) {
    const held = within(v2.num_values, left, 'values');
    within(v2.num_rows, held, 'rows');
    within(v2.num_nulls, held, 'empty values');
    if (v2.repetition_levels_byte_length !== 0) throw new Error('a page has levels of lists in a column without lists');
    // Levels are not packed.
    const page = readerOf(packed);
    const levels = bytesOf(page, v2.definition_levels_byte_length);
    if (maxLevel > 0) checkRuns(readerOf(levels), bitsOf(maxLevel), held);
    const rest = bytesOf(page, packed.length - page.offset);
    const values = v2.is_compressed === false ? rest : unpack(rest, within(size - levels.length, size, 'bytes'));
    return { encoding: v2.encoding, values: readerOf(values), held };
  }
  throw new Error(`a page of type ${type} among those with values`);
}

/** The values of a page: those forms whose counts the library does not hold against the page's bytes. */
function checkValues(values: DataReader, encoding: string, isBoolean: boolean, held: number): void {
  if (encoding === 'RLE') {
    if (!isBoolean) throw new Error('a page has runs of values that are not true or false');
    checkRuns(readerOf(bytesOf(values, takeUint32(values))), 1, held);
  } else if (encoding?.endsWith('_DICTIONARY')) {
    if (values.offset >= values.view.byteLength) return;
    const bits = within(values.view.getUint8(values.offset++), maxIndexBits, 'bits of an index');
    if (bits > 0) checkRuns(values, bits, held);
    else if (values.offset < values.view.byteLength) checkRuns(values, 1, held);
  } else if (encoding === 'DELTA_BYTE_ARRAY') checkPrefixes(values, held);
}

/** Runs of equal and of packed values. Where values are empty there are fewer than the count. */
function checkRuns(reader: DataReader, bits: number, count: number): void {
  for (let left = count; left > 0 && reader.offset < reader.view.byteLength; ) {
    const header = takeVarint(reader);
    const run = Math.floor(header / 2);
    if (header % 2 === 0) {
      bytesOf(reader, Math.ceil(bits / 8));
      left -= within(run, left, 'values of a run');
    } else {
      const values = within(8 * run, left + mostPadding, 'values of a run');
      // The last run of a page may lack bytes of values that nobody reads.
      reader.offset = Math.min(reader.offset + run * bits, reader.view.byteLength);
      left -= values;
    }
  }
}

/** Texts that each share the beginning of the one before: every length is the file's word. */
function checkPrefixes(reader: DataReader, count: number): void {
  const prefixes = new Int32Array(count);
  deltaBinaryUnpack(reader, count, prefixes);
  const suffixes = new Int32Array(count);
  deltaBinaryUnpack(reader, count, suffixes);
  let before = 0;
  let sum = 0;
  for (let i = 0; i < count; i++) {
    before = within(prefixes[i], before, 'characters of the text before') + within(suffixes[i], maxPageBytes, 'bytes');
    sum = within(sum + before, maxPageBytes, 'bytes of texts');
  }
}

const readerOf = (bytes: Uint8Array): DataReader => ({
  view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  offset: 0,
});

/** @throws Error for what is not a whole number from 0 to the most that can be */
function within(value: number | undefined, most: number, what: string): number {
  if (value !== undefined && Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw new Error(`a page claims ${value} ${what}, at most ${most} can be`);
}

/** The next bytes, as many as a page claims. */
function bytesOf(reader: DataReader, length: number): Uint8Array {
  const { buffer, byteOffset, byteLength } = reader.view;
  within(length, byteLength - reader.offset, 'bytes');
  reader.offset += length;
  return new Uint8Array(buffer, byteOffset + reader.offset - length, length);
}

function takeUint32(reader: DataReader): number {
  reader.offset += 4;
  return reader.view.getUint32(reader.offset - 4, true);
}

/** A number of up to 32 bits in groups of seven. */
function takeVarint(reader: DataReader): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = reader.view.getUint8(reader.offset++);
    value += (byte % 128) * 2 ** shift;
    if (byte < 128) return within(value, 2 ** 32 - 1, 'as the header of a run');
  }
  throw new Error('a page has the header of a run that does not end');
}

const bitsOf = (value: number): number => 32 - Math.clz32(value);
