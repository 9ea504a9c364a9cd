import Table from 'cli-table3';
import { showable } from './text.ts';

export type Cell = string | number;

/** A table for a person, plain where colours are off. Numbers are right-aligned; text is safe to show. */
export function renderTable(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const table = new Table({
    head: head.map(showable),
    style: { head: [], border: [], compact: true },
    colAligns: head.map((_, i) => (rows.every((row) => typeof row[i] === 'number') ? 'right' : 'left')),
  });
  for (const row of rows) table.push(row.map((cell) => showable(String(cell))));
  return table.toString();
}
