import { DataError } from '@cipherformer/model';
import { readBytes, readText } from '@cipherformer/model/files';
import { listed, parseJson, shown, splitLines } from '@cipherformer/model/untrusted';
import { parseCsv, type TableRow } from '../sources/csv.ts';
import { readParquet } from '../sources/parquet.ts';

/** Labelled texts in memory. */
export interface TextSet {
  readonly texts: readonly string[];
  readonly labels: readonly number[];
}

export interface TextColumns {
  readonly text: string;
  readonly label: string;
}

/** Files of texts that are text themselves. */
export type TextFormat = 'tsv' | 'csv' | 'jsonl';

/**
 * Reads labelled texts by the file's extension (before .gz): .tsv (tab-separated, no quoting), .csv (RFC 4180),
 * .jsonl (one object a line) or .parquet. Table files name their columns in the first line. Labels are whole numbers from
 * 0 to below `classes`.
 * @throws DataError naming the file, the line, the column, the value and what is allowed
 */
export async function readTexts(
  path: string,
  columns: TextColumns,
  classes = Number.POSITIVE_INFINITY,
): Promise<TextSet> {
  const kind = /\.(tsv|csv|jsonl|ndjson|parquet)(\.gz)?$/.exec(path)?.[1];
  if (!kind) throw new DataError(`${path}: texts are read from .tsv, .csv, .jsonl or .parquet (each also .gz).`);
  if (kind !== 'parquet') {
    return parseTexts(readText(path), kind === 'ndjson' ? 'jsonl' : (kind as TextFormat), path, columns, classes);
  }
  const records = await readParquet(readBytes(path), path, [columns.text, columns.label]);
  return textSet(
    records.map((record, row) => pick(record, `${path}, row ${row + 1}`, columns)),
    path,
    columns,
    classes,
  );
}

/** Labelled texts from the text of a file; errors as `readTexts`. */
export function parseTexts(
  text: string,
  format: TextFormat,
  where: string,
  columns: TextColumns,
  classes = Number.POSITIVE_INFINITY,
): TextSet {
  const rows = format === 'jsonl' ? jsonRows(text, where, columns) : tableRows(text, format, where, columns);
  return textSet(rows, where, columns, classes);
}

/** An example as it stands in the file. */
interface Row {
  /** File and line, for messages. */
  readonly place: string;
  readonly text: unknown;
  readonly label: unknown;
}

function textSet(rows: readonly Row[], where: string, columns: TextColumns, classes: number): TextSet {
  if (rows.length === 0) throw new DataError(`${where} holds no examples.`);
  return {
    texts: rows.map(({ place, text }) => checkText(text, place, columns.text)),
    labels: rows.map(({ place, label }) => checkLabel(label, place, columns.label, classes)),
  };
}

/** @throws DataError naming the place, the column and the value of what is no text, or a blank one */
export function checkText(text: unknown, place: string, column: string): string {
  if (typeof text !== 'string' || text.trim() === '')
    throw new DataError(
      `${place}: "${column}" is ${shown(text)}: give a text that is not blank, or leave the example out.`,
    );
  return text;
}

/** The class that a label names. @throws DataError naming the place, the column and the value of what is none */
export function checkLabel(label: unknown, place: string, column: string, classes: number): number {
  const value = wholeNumber(label);
  if (value === undefined || value >= classes) {
    const range = Number.isFinite(classes) ? `0 to ${classes - 1}` : '0 on';
    throw new DataError(
      `${place}: the label ${shown(label)} ("${column}") is not a whole number from ${range}: number the classes ` +
        'in the order in which the recipe names them.',
    );
  }
  return value;
}

/** The number that a label is; undefined for what only converts to one (blanks, booleans, lists, hexadecimal). */
function wholeNumber(label: unknown): number | undefined {
  if (typeof label === 'string') return /^\d{1,15}$/.test(label) ? Number(label) : undefined;
  if (typeof label !== 'number' && typeof label !== 'bigint') return undefined;
  const value = Number(label);
  return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function pick(record: unknown, place: string, columns: TextColumns): Row {
  if (typeof record !== 'object' || record === null || Array.isArray(record))
    throw new DataError(
      `${place} is ${shown(record)}: every line has to be an object, {"${columns.text}": ..., "${columns.label}": ...}.`,
    );
  const fields = record as Readonly<Record<string, unknown>>;
  const [text, label] = [fields[columns.text], fields[columns.label]];
  if (typeof text !== 'string' || label === undefined || label === null)
    throw new DataError(
      `${place}: needs "${columns.text}" (a text) and "${columns.label}", has ${listed(Object.keys(fields))}. ` +
        'Other columns are named by "columns" in the recipe.',
    );
  return { place, text, label };
}

function tableRows(text: string, format: 'tsv' | 'csv', where: string, columns: TextColumns): Row[] {
  const [header, ...body] = format === 'csv' ? parseCsv(text, where) : parseTsv(text, where);
  const names = header?.cells ?? [];
  const at = (name: string) => {
    const index = names.indexOf(name);
    if (index < 0)
      throw new DataError(
        `${where} has no column ${shown(name)}; its first line names ${listed(names)}. Other columns are named by "columns" in the recipe.`,
      );
    if (names.includes(name, index + 1))
      throw new DataError(`${where}: two columns are named ${shown(name)} in its first line.`);
    return index;
  };
  const [textAt, labelAt] = [at(columns.text), at(columns.label)];
  return body.map(({ line, cells }) => {
    const place = `${where}, line ${line}`;
    if (cells.length !== names.length)
      throw new DataError(`${place} has ${cells.length} cells where the header has ${names.length}.`);
    return { place, text: cells[textAt]!, label: cells[labelAt]! };
  });
}

const parseTsv = (text: string, where: string): TableRow[] => parseCsv(text, where, { delimiter: '\t', quotes: false });

function jsonRows(text: string, where: string, columns: TextColumns): Row[] {
  return splitLines(text, where).flatMap(({ line, text: content }) => {
    if (content === '') return [];
    const place = `${where}, line ${line}`;
    let record: unknown;
    try {
      record = parseJson(content);
    } catch (error) {
      throw new DataError(
        `${place} is not valid JSON: ${shown((error as Error).message)}. Every line has to be one object.`,
      );
    }
    return [pick(record, place, columns)];
  });
}
