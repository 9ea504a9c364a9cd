import type { Cell } from './table.ts';

/** A table for a document; columns of numbers align right. */
export function markdownTable(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const numeric = (column: number) => column > 0 && rows.every((row) => /^([-−+]?[\d.]|-$)/.test(String(row[column])));
  const line = (cells: readonly Cell[]) =>
    `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
  const rule = `|${head.map((_, column) => (numeric(column) ? '---:' : '---')).join('|')}|`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}
