import { DataError } from '@cipherformer/model';
import { loneReturn } from '@cipherformer/model/untrusted';

/** A row of a table: its cells, and the line of the file that it begins on, from 1. */
export interface TableRow {
  readonly line: number;
  readonly cells: readonly string[];
}

/** How a table's cells are told apart: quoted ones (RFC 4180) may hold delimiters, line ends and doubled quotes. */
export interface TableForm {
  readonly delimiter: string;
  readonly quotes: boolean;
}

/** Longest row that is kept, in characters: a quote that is never closed makes one of the whole file. */
const maxRowLength = 2 ** 27;

/**
 * Cuts a text that comes in pieces into rows. Blank lines are left out.
 * `push` and `end` throw DataError naming the line: for a quote that is not closed, text after a closing quote, a carriage
 * return alone.
 */
export class RowParser {
  readonly #where: string;
  readonly #form: TableForm;
  #rest = '';
  #line = 1;

  constructor(where: string, form: TableForm) {
    this.#where = where;
    this.#form = form;
  }

  /** The rows that are complete with this piece. */
  *push(piece: string): Generator<TableRow> {
    this.#rest += piece;
    if (this.#rest.length > maxRowLength)
      throw new DataError(
        `${this.#where}, line ${this.#line}: a row that begins here is longer than ${maxRowLength} characters. Is a quote not closed?`,
      );
    yield* this.#rows(false);
  }

  /** The last row, where the text does not end with a line end. */
  *end(): Generator<TableRow> {
    yield* this.#rows(true);
  }

  *#rows(ended: boolean): Generator<TableRow> {
    let at = 0;
    for (;;) {
      const row = this.#row(at, ended);
      if (row === undefined) break;
      at = row.end;
      const { cells } = row;
      const line = this.#line;
      this.#line = row.line;
      if (cells.length > 1 || cells[0] !== '') yield { line, cells };
      if (at >= this.#rest.length) break;
    }
    this.#rest = this.#rest.slice(at);
  }

  /** The row at a place; undefined where it is not complete yet, or there is none. */
  #row(start: number, ended: boolean): { cells: string[]; end: number; line: number } | undefined {
    const text = this.#rest;
    const { delimiter, quotes } = this.#form;
    if (start >= text.length) return undefined;
    const cells: string[] = [];
    let line = this.#line;
    for (let at = start; ; ) {
      if (quotes && text[at] === '"') {
        const cell = this.#quoted(at, line, ended);
        if (!cell) return undefined;
        cells.push(cell.text);
        at = cell.end;
        line = cell.line;
      } else {
        const from = at;
        while (at < text.length && text[at] !== delimiter && text[at] !== '\n' && text[at] !== '\r') at++;
        cells.push(text.slice(from, at));
      }
      if (at >= text.length) return ended ? { cells, end: at, line } : undefined;
      if (text[at] === delimiter) {
        at += 1;
        continue;
      }
      const end = text[at] === '\r' ? at + 1 : at;
      if (end >= text.length && !ended) return undefined;
      if (text[end] === '\n') return { cells, end: end + 1, line: line + 1 };
      if (end > at) throw loneReturn(this.#where, line);
      throw new DataError(
        `${this.#where}, line ${line}: text follows the closing quote of a cell. Double the quotes inside of a quoted cell ("").`,
      );
    }
  }

  #quoted(start: number, line: number, ended: boolean): { text: string; end: number; line: number } | undefined {
    const parts: string[] = [];
    for (let at = start + 1; ; ) {
      const end = this.#rest.indexOf('"', at);
      if (end < 0 && ended)
        throw new DataError(`${this.#where}, line ${line}: a quoted cell that begins here is not closed.`);
      // The next piece may begin with the second of two quotes.
      if (end < 0 || (end + 1 >= this.#rest.length && !ended)) return undefined;
      parts.push(this.#rest.slice(at, end));
      at = end + 1;
      if (this.#rest[at] !== '"') {
        const lines = this.#rest.slice(start, at).split('\n').length - 1;
        return { text: parts.join(''), end: at, line: line + lines };
      }
      parts.push('"');
      at += 1;
    }
  }
}

/** All rows of a text with commas (RFC 4180), or of another form. @throws DataError as RowParser */
export function parseCsv(text: string, where: string, form: TableForm = { delimiter: ',', quotes: true }): TableRow[] {
  const parser = new RowParser(where, form);
  return [...parser.push(text), ...parser.end()];
}
