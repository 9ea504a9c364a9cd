import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { DataError, decodePicture, isPicture } from '@cipherformer/model';
import { parseMetadata, shown } from '@cipherformer/model/untrusted';
import { decompress as decompressZstd } from 'fzstd';
import { type AsyncBuffer, asyncBufferFromFile, type CompressionCodec, type FileMetaData, parquetMetadataAsync, parquetReadObjects, parquetSchema, type RowGroup, type SchemaTree } from 'hyparquet'; // biome-ignore format: one list
import { snappyUncompress } from 'hysnappy';
import { z } from 'zod';
import { chooseColumns } from './columns.ts';
import { checkPages, isPlainColumn, maxPageBytes, type Unpack } from './parquet-pages.ts';
import type { Columns, Misfit, Source, SourceExample } from './source.ts';
import { exampleOf, labelText } from './table.ts';

/** The rows of a group are in memory at once. */
const maxRows = 2 ** 21;
/** Largest chunk of a column in a group of rows, unpacked: a group is in memory at once. */
const maxChunkBytes = 2 ** 31;

/** Largest sum of the values that are read at once: a few bytes of a file may stand for one long text in every row. */
const maxValueBytes = 2 ** 30;

/** What a file may be packed with. Sizes that pages claim are checked before memory is taken. */
const compressors = {
  SNAPPY: (bytes: Uint8Array, size: number) => snappyUncompress(bytes, checkedSize(size)),
  GZIP: (bytes: Uint8Array, size: number) => gunzipSync(bytes, { maxOutputLength: checkedSize(size) }),
  BROTLI: (bytes: Uint8Array, size: number) => brotliDecompressSync(bytes, { maxOutputLength: checkedSize(size) }),
  ZSTD: (bytes: Uint8Array, size: number) => decompressZstd(bytes, new Uint8Array(checkedSize(size))),
} satisfies Partial<Record<CompressionCodec, Unpack>>;

function checkedSize(size: number): number {
  if (!(size >= 0 && size <= maxPageBytes)) throw new Error(`a page claims ${size} bytes`);
  return size;
}

function unpackerOf(codec: CompressionCodec): Unpack {
  if (codec === 'UNCOMPRESSED') return (bytes) => bytes;
  if (!Object.hasOwn(compressors, codec)) throw new Error(`it is packed with ${codec}`);
  return compressors[codec as keyof typeof compressors];
}

/**
 * Texts or pictures of a Parquet file, as Hugging Face writes them too (pictures as { bytes, path }, names of classes in
 * the metadata), a group of rows at a time.
 * @throws DataError for what cannot be read as Parquet, ConfigError as chooseColumns
 */
export async function openParquet(path: string, asked: Columns): Promise<Source> {
  return parquetSource(await guarded(path, () => asyncBufferFromFile(path)), path, asked);
}

/** The same, of bytes wherever they are. */
export async function parquetSource(file: AsyncBuffer, where: string, asked: Columns): Promise<Source> {
  const metadata = await guarded(where, () => parquetMetadataAsync(file));
  checkGroups(metadata, where);
  const names = topLevel(metadata, where);
  const columns = chooseColumns(names, asked, where);
  const wanted = Object.values(columns).filter((name): name is string => name !== undefined);
  return {
    kind: columns.image === undefined ? 'text' : 'image',
    columns,
    classNames: columns.label === undefined ? undefined : classNamesOf(metadata, columns.label),
    async *examples() {
      let row = 0;
      for await (const fields of rowsOf(file, metadata, wanted, where))
        yield await readRow(fields, `${where}, row ${++row}`, columns);
    },
  };
}

/** All rows of a Parquet file in memory, with these columns. @throws DataError as openParquet */
export async function readParquet(
  bytes: Uint8Array,
  where: string,
  columns: readonly string[],
): Promise<Record<string, unknown>[]> {
  // A copy: the bytes of a Buffer may be a window into a larger pool.
  const file = new Uint8Array(bytes).buffer;
  const metadata = await guarded(where, () => parquetMetadataAsync(file));
  checkGroups(metadata, where);
  const rows: Record<string, unknown>[] = [];
  let bytesInAll = 0;
  for await (const row of rowsOf(file, metadata, columns, where)) {
    bytesInAll = checkSum(bytesInAll, row, where);
    rows.push(Object.fromEntries(Object.entries(row).map(([name, value]) => [name, decoded(value)])));
  }
  return rows;
}

/** The rows of one group after the other. */
async function* rowsOf(
  file: AsyncBuffer,
  metadata: FileMetaData,
  columns: readonly string[],
  where: string,
): AsyncGenerator<Record<string, unknown>> {
  let rowStart = 0;
  const schema = parquetSchema(metadata);
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    await guarded(where, () => checkGroup(file, group, schema, columns, where));
    const options = { file, metadata, columns: [...columns], rowStart, rowEnd, compressors, utf8: false };
    const rows = await guarded(where, () => parquetReadObjects(options));
    if (rows.length !== rowEnd - rowStart)
      throw new DataError(`${where} has ${rows.length} rows where it claims ${rowEnd - rowStart}: write it again.`);
    rows.reduce((sum, row) => checkSum(sum, row, where), 0);
    yield* rows;
    rowStart = rowEnd;
  }
}

/** The bytes of values with those of one more row. @throws DataError for more than are held at once */
function checkSum(sum: number, row: Record<string, unknown>, where: string): number {
  const more = Object.values(row).reduce((bytes: number, value) => bytes + sizeOf(value), 0);
  if (sum + more > maxValueBytes)
    throw new DataError(
      `${where} holds more than ${maxValueBytes} bytes of texts or pictures at once: write it with smaller groups, or split it.`,
    );
  return sum + more;
}

const sizeOf = (value: unknown): number => (typeof value === 'string' ? value.length : (bytesOf(value)?.length ?? 0));

/** The bytes of a text that no annotation calls one, or of a picture as Hugging Face writes it. */
function bytesOf(value: unknown): Uint8Array | undefined {
  const bytes = value instanceof Uint8Array ? value : (value as { bytes?: unknown } | null | undefined)?.bytes;
  return bytes instanceof Uint8Array ? bytes : undefined;
}

/** Holds what the pages of the wanted columns claim against what can be. Cost: they are read and unpacked once more. */
async function checkGroup(
  file: AsyncBuffer,
  { columns, num_rows }: RowGroup,
  schema: SchemaTree,
  wanted: readonly string[],
  where: string,
): Promise<void> {
  // biome-ignore format: a line
  for (const { meta_data } of columns) {
    if (!meta_data || !wanted.includes(meta_data.path_in_schema[0]!)) continue;
    const path = [schema];
    for (const name of meta_data.path_in_schema) path.push(path.at(-1)!.children.find(({ element }) => element.name === name)!); // biome-ignore format: a line
    if (!isPlainColumn(path))
      throw new DataError(`${where}: column ${shown(path[1]!.element.name)} holds lists or shapes; texts, labels and pictures are read.`); // biome-ignore format: a line
    const start = Number(meta_data.dictionary_page_offset || meta_data.data_page_offset);
    const end = start + Number(meta_data.total_compressed_size);
    checkPages(await file.slice(start, end), meta_data, path, Number(num_rows), unpackerOf);
  }
}

async function guarded<T>(where: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${where} cannot be read as Parquet: ${shown((error as Error).message)}. Write it again.`);
  }
}

/** Names of the columns, those with columns of their own inside included. */
function topLevel({ schema }: FileMetaData, where: string): string[] {
  const names: string[] = [];
  for (let at = 1; at < schema.length; ) {
    const { name } = schema[at]!;
    if (typeof name !== 'string') throw new DataError(`${where} has a column without a name: write it again.`);
    names.push(name);
    // Over the children of this one, and theirs.
    for (let open = 1; open > 0 && at < schema.length; at++) open += (schema[at]!.num_children ?? 0) - 1;
  }
  return names;
}

/** The paths of all columns that hold values, sorted. @throws DataError for a schema that is none */
function leafPaths(metadata: FileMetaData, where: string): string {
  const paths: string[] = [];
  const walk = ({ children, path }: SchemaTree): void => {
    if (children.length === 0) paths.push(JSON.stringify(path));
    for (const child of children) walk(child);
  };
  try {
    for (const child of parquetSchema(metadata).children) walk(child);
  } catch (error) {
    throw new DataError(`${where} has a broken schema: ${shown((error as Error).message)}. Write it again.`);
  }
  return JSON.stringify(paths.sort());
}

function checkGroups(metadata: FileMetaData, where: string): void {
  const { row_groups, num_rows } = metadata;
  const leaves = leafPaths(metadata, where);
  const rows = row_groups.reduce((sum, group) => sum + Number(group.num_rows), 0);
  if (rows !== Number(num_rows) || !Number.isSafeInteger(rows) || rows < 0)
    throw new DataError(`${where} claims ${num_rows} rows, its groups ${rows}: write it again.`);
  for (const { columns, num_rows: inGroup } of row_groups) {
    if (inGroup > maxRows)
      throw new DataError(`${where} claims a group of ${inGroup} rows, at most ${maxRows} are read: split it.`);
    // The library leaves reads behind, whose errors nobody would see, where a column is not in the schema.
    const paths = columns.map(({ meta_data }) => JSON.stringify(meta_data?.path_in_schema));
    if (JSON.stringify(paths.toSorted()) !== leaves)
      throw new DataError(`${where} has a group of rows with other columns than its schema: write it again.`);
    for (const { meta_data } of columns)
      if (meta_data && !(Number(meta_data.total_uncompressed_size) <= maxChunkBytes))
        throw new DataError(
          `${where} claims a group of rows with ${meta_data.total_uncompressed_size} bytes in one column: write it with smaller groups.`,
        );
  }
}

const featuresSchema = z.object({
  info: z.object({
    features: z.record(z.string(), z.looseObject({ names: z.array(z.string().max(200)).max(100_000).optional() })),
  }),
});

/** The names that Hugging Face's data sets keep of a column of labels. */
function classNamesOf({ key_value_metadata }: FileMetaData, label: string): readonly string[] | undefined {
  const stored = key_value_metadata?.find(({ key }) => key === 'huggingface')?.value;
  const parsed = featuresSchema.safeParse(parseMetadata(stored));
  return parsed.success && Object.hasOwn(parsed.data.info.features, label)
    ? parsed.data.info.features[label]!.names
    : undefined;
}

async function readRow(
  row: Record<string, unknown>,
  place: string,
  { text, image, label }: Columns,
): Promise<SourceExample | Misfit> {
  if (image === undefined) return exampleOf({ ...row, [text!]: decoded(row[text!]), ...(label && { [label]: decoded(row[label]) }) }, place, text!, label); // biome-ignore format: a line
  const bytes = bytesOf(row[image]);
  if (!bytes || !isPicture(bytes)) return { place, problem: `"${image}" has no bytes of a PNG or JPEG picture` };
  const written = label === undefined ? undefined : labelText(decoded(row[label]));
  if (label !== undefined && written === undefined)
    return { place, problem: `"${label}" is ${shown(row[label])}, not a label` };
  try {
    return {
      place,
      picture: await decodePicture(bytes, `"${image}"`),
      ...(written !== undefined && { label: written }),
    };
  } catch (error) {
    if (error instanceof DataError) return { place, problem: error.message };
    throw error;
  }
}

/** Bytes that no annotation calls text may be text. */
function decoded(value: unknown): unknown {
  if (!(value instanceof Uint8Array)) return value;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(value);
  } catch {
    return value;
  }
}
