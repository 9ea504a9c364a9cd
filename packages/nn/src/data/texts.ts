import { parquetReadObjects } from 'hyparquet';
import { DataError } from '../errors.ts';
import { readBytes, readText } from '../files/storage.ts';

/** Labelled texts in memory. */
export interface TextSet {
  readonly texts: readonly string[];
  readonly labels: readonly number[];
}

export interface TextColumns {
  readonly text: string;
  readonly label: string;
}

/**
 * Reads labelled texts by the file's extension (before .gz): .tsv (tab-separated, no quoting), .csv (RFC 4180),
 * .jsonl (one object a line) or .parquet. Table files name their columns in the first line. Labels are integers from 0.
 */
export async function readTexts(path: string, columns: TextColumns): Promise<TextSet> {
  const kind = /\.(tsv|csv|jsonl|ndjson|parquet)(\.gz)?$/.exec(path)?.[1];
  if (!kind) throw new DataError(`${path}: texts are read from .tsv, .csv, .jsonl or .parquet (each also .gz).`);
  const rows =
    kind === 'parquet'
      ? await parquetRows(path, columns)
      : kind === 'tsv' || kind === 'csv'
        ? tableRows(path, kind, columns)
        : jsonRows(path, columns);
  if (rows.length === 0) throw new DataError(`${path} holds no examples.`);
  return {
    texts: rows.map(([text]) => text),
    labels: rows.map(([, label], row) => {
      const value = Number(label);
      if (label === '' || !Number.isInteger(value) || value < 0) {
        throw new DataError(`${path}, example ${row + 1}: the label "${String(label)}" is not an integer from 0.`);
      }
      return value;
    }),
  };
}

type Row = readonly [string, unknown];

function pick(path: string, row: number, record: Readonly<Record<string, unknown>>, columns: TextColumns): Row {
  const text = record[columns.text];
  const label = record[columns.label];
  if (typeof text !== 'string' || label === undefined || label === null) {
    throw new DataError(
      `${path}, example ${row + 1}: needs "${columns.text}" (text) and "${columns.label}", has ${Object.keys(record).join(', ')}.`,
    );
  }
  return [text, typeof label === 'bigint' ? Number(label) : label];
}

function tableRows(path: string, kind: 'tsv' | 'csv', columns: TextColumns): Row[] {
  const text = readText(path);
  const lines = kind === 'tsv' ? text.split(/\r?\n/).filter(Boolean).map((line) => line.split('\t')) : parseCsv(text, path);
  const [header = [], ...body] = lines;
  const at = (name: string) => {
    const index = header.indexOf(name);
    if (index < 0) throw new DataError(`${path} has no column "${name}"; its first line names ${header.join(', ')}.`);
    return index;
  };
  const textAt = at(columns.text);
  const labelAt = at(columns.label);
  return body.map((cells, row) => {
    if (cells.length !== header.length) {
      throw new DataError(`${path}, example ${row + 1} has ${cells.length} cells where the header has ${header.length}.`);
    }
    return [cells[textAt]!, cells[labelAt]!];
  });
}

/** RFC 4180: quoted cells may hold commas, line ends and doubled quotes. */
export function parseCsv(text: string, where: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let quoted = false;
  const endRow = () => {
    row.push(cell);
    if (row.length > 1 || row[0] !== '') rows.push(row);
    row = [];
    cell = '';
  };
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (quoted) {
      if (char !== '"') cell += char;
      else if (text[i + 1] === '"') {
        cell += '"';
        i++;
      } else quoted = false;
    } else if (char === '"' && cell === '') quoted = true;
    else if (char === ',') {
      row.push(cell);
      cell = '';
    } else if (char === '\n') endRow();
    else if (char !== '\r') cell += char;
  }
  if (quoted) throw new DataError(`${where}: a quoted cell is not closed (row ${rows.length + 1}).`);
  if (cell !== '' || row.length > 0) endRow();
  return rows;
}

function jsonRows(path: string, columns: TextColumns): Row[] {
  return readText(path)
    .split(/\r?\n/)
    .filter(Boolean)
    .map((line, row) => {
      let record: unknown;
      try {
        record = JSON.parse(line);
      } catch {
        throw new DataError(`${path}, line ${row + 1} is not valid JSON.`);
      }
      return pick(path, row, record as Record<string, unknown>, columns);
    });
}

async function parquetRows(path: string, columns: TextColumns): Promise<Row[]> {
  const bytes = readBytes(path);
  // A copy: the bytes of a Buffer may be a window into a larger pool.
  const file = new Uint8Array(bytes).buffer;
  let records: Record<string, unknown>[];
  try {
    records = await parquetReadObjects({ file, columns: [columns.text, columns.label] });
  } catch (error) {
    throw new DataError(`${path} cannot be read as Parquet: ${(error as Error).message}`);
  }
  return records.map((record, row) => pick(path, row, record, columns));
}
