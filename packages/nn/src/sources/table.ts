import { open } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { DataError, MissingFileError } from '@cipherformer/model';
import { parseJson, shown } from '@cipherformer/model/untrusted';
import { chooseColumns } from './columns.ts';
import { RowParser, type TableForm } from './csv.ts';
import type { Columns, Misfit, Source, SourceExample } from './source.ts';

/** Longest line of JSON that is read, in characters. */
const maxLineLength = 2 ** 27;

/**
 * Texts of a .csv (commas or semicolons), .tsv or .jsonl file, each also packed with gzip, read in pieces.
 * @throws DataError for a file that cannot be read, ConfigError as chooseColumns
 */
export async function openTable(path: string, format: 'csv' | 'tsv' | 'jsonl', asked: Columns): Promise<Source> {
  const rows = () => (format === 'jsonl' ? jsonRows(path) : tableRows(path, format));
  let names: readonly string[] = [];
  for await (const row of rows()) {
    if ('problem' in row) throw new DataError(`${row.place}: ${row.problem}.`);
    names = Object.keys(row.fields);
    break;
  }
  if (names.length === 0) throw new DataError(`${path} holds no examples.`);
  const columns = chooseColumns(names, asked, path);
  if (columns.text === undefined)
    throw new DataError(`${path} has no texts: pictures are read from Parquet files and from folders.`);
  const { text, label } = columns as { text: string; label?: string };
  return {
    kind: 'text',
    columns,
    async *examples() {
      for await (const row of rows()) yield 'problem' in row ? row : exampleOf(row.fields, row.place, text, label);
    },
  };
}

/** A row's text and label. */
export function exampleOf(
  fields: Readonly<Record<string, unknown>>,
  place: string,
  text: string,
  label: string | undefined,
): SourceExample | Misfit {
  const value = fields[text];
  if (typeof value !== 'string' || value.trim() === '')
    return { place, problem: `"${text}" is ${shown(value)}, not a text` };
  if (label === undefined) return { place, text: value };
  const written = labelText(fields[label]);
  return written === undefined
    ? { place, problem: `"${label}" is ${shown(fields[label])}, not a label` }
    : { place, text: value, label: written };
}

/** A label as text: a name, or a whole number; undefined for what is neither. */
export function labelText(value: unknown): string | undefined {
  if (typeof value === 'string') return value.trim() === '' || value.length > 200 ? undefined : value.trim();
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value))) return `${value}`;
  return typeof value === 'boolean' ? `${value}` : undefined;
}

interface Fields {
  readonly place: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

async function* tableRows(path: string, format: 'csv' | 'tsv'): AsyncGenerator<Fields | Misfit> {
  let parser: RowParser | undefined;
  let names: readonly string[] | undefined;
  const fieldsOf = function* (rows: Iterable<{ line: number; cells: readonly string[] }>): Generator<Fields | Misfit> {
    for (const { line, cells } of rows) {
      const place = `${path}, line ${line}`;
      if (!names) names = cells;
      else if (cells.length !== names.length)
        yield { place, problem: `it has ${cells.length} cells where the first line has ${names.length}` };
      else yield { place, fields: Object.fromEntries(names.map((name, i) => [name, cells[i]])) };
    }
  };
  for await (const piece of textPieces(path)) {
    parser ??= new RowParser(path, formOf(piece, format));
    yield* fieldsOf(parser.push(piece));
  }
  if (parser) yield* fieldsOf(parser.end());
}

/** Semicolons stand between cells where programs write commas in numbers. */
function formOf(beginning: string, format: 'csv' | 'tsv'): TableForm {
  if (format === 'tsv') return { delimiter: '\t', quotes: false };
  const [header] = beginning.split('\n', 1) as [string];
  return { delimiter: header.includes(';') && !header.includes(',') ? ';' : ',', quotes: true };
}

async function* jsonRows(path: string): AsyncGenerator<Fields | Misfit> {
  let rest = '';
  let line = 0;
  const parse = (text: string): Fields | Misfit | undefined => {
    line += 1;
    const place = `${path}, line ${line}`;
    if (text.trim() === '') return undefined;
    try {
      const fields = parseJson(text);
      if (typeof fields === 'object' && fields !== null && !Array.isArray(fields))
        return { place, fields: fields as Record<string, unknown> };
      return { place, problem: `it is ${shown(fields)}, not an object` };
    } catch (error) {
      return { place, problem: `it is no JSON (${(error as SyntaxError).message})` };
    }
  };
  for await (const piece of textPieces(path)) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop()!;
    if (rest.length > maxLineLength)
      throw new DataError(`${path}, line ${line + lines.length + 1} is longer than ${maxLineLength} characters.`);
    for (const text of lines) {
      const row = parse(text);
      if (row) yield row;
    }
  }
  const last = rest === '' ? undefined : parse(rest);
  if (last) yield last;
}

/** The text of a file, unpacked where it is gzip, in pieces of some size. @throws MissingFileError, DataError */
async function* textPieces(path: string): AsyncGenerator<string> {
  const file = await open(path).catch((error: Error) => {
    throw new MissingFileError(`Cannot read ${path}: ${error.message}. Check the path.`);
  });
  try {
    const start = await file.read(Buffer.alloc(2), 0, 2, 0);
    const packed = start.buffer[0] === 0x1f && start.buffer[1] === 0x8b;
    const stream = file.createReadStream({ start: 0, autoClose: false });
    // Errors of the file come out of the unpacking, too.
    const bytes = packed ? stream.on('error', (error) => gunzip.destroy(error)).pipe(createGunzip()) : stream;
    const gunzip = bytes as ReturnType<typeof createGunzip>;
    const decoder = new TextDecoder('utf-8', { fatal: true });
    for await (const piece of bytes) yield decoder.decode(piece as Uint8Array, { stream: true });
    yield decoder.decode();
  } catch (error) {
    if (error instanceof TypeError) throw new DataError(`${path} is not UTF-8 text: save it as UTF-8.`);
    const { code } = error as NodeJS.ErrnoException;
    if (typeof code === 'string' && code.startsWith('Z_'))
      throw new DataError(`${path} is a damaged gzip file: fetch it again.`);
    throw error;
  } finally {
    await file.close();
  }
}
