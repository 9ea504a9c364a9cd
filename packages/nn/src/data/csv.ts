import { DataError } from '@cipherformer/model';
import { loneReturn } from '@cipherformer/model/untrusted';

/** A row of a table: its cells, and the line of the file that it begins on, from 1. */
export interface TableRow {
  readonly line: number;
  readonly cells: readonly string[];
}

/**
 * RFC 4180: quoted cells may hold commas, line ends and doubled quotes. Blank lines are left out.
 * @throws DataError naming the line for a quote that is not closed, text after a closing quote, a carriage return alone
 */
export function parseCsv(text: string, where: string): TableRow[] {
  const rows: TableRow[] = [];
  let at = 0;
  let line = 1;

  const quotedCell = (): string => {
    const start = at;
    const parts: string[] = [];
    for (at += 1; ; ) {
      const end = text.indexOf('"', at);
      if (end < 0) throw new DataError(`${where}, line ${line}: a quoted cell that begins here is not closed.`);
      parts.push(text.slice(at, end));
      at = end + 1;
      if (text[at] !== '"') break;
      parts.push('"');
      at += 1;
    }
    line += text.slice(start, at).split('\n').length - 1;
    return parts.join('');
  };
  const plainCell = (): string => {
    const start = at;
    while (at < text.length && text[at] !== ',' && text[at] !== '\n' && text[at] !== '\r') at++;
    return text.slice(start, at);
  };

  while (at < text.length) {
    const first = line;
    const cells: string[] = [];
    for (;;) {
      const quoted = text[at] === '"';
      cells.push(quoted ? quotedCell() : plainCell());
      if (text[at] === ',') {
        at += 1;
        continue;
      }
      if (at === text.length) break;
      const end = text[at] === '\r' ? at + 1 : at;
      if (text[end] !== '\n') {
        if (end > at) throw loneReturn(where, line);
        throw new DataError(
          `${where}, line ${line}: text follows the closing quote of a cell. Double the quotes inside of a quoted cell ("").`,
        );
      }
      at = end + 1;
      line += 1;
      break;
    }
    if (cells.length > 1 || cells[0] !== '') rows.push({ line: first, cells });
  }
  return rows;
}
