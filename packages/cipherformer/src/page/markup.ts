/** Text that is HTML already; every other value put into `html` is escaped. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

export type Piece = Markup | string | number | undefined | readonly Piece[];

export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]!);

/** Builds HTML from a template: strings are escaped, markup and lists of it are not, undefined is nothing. */
export function html(parts: TemplateStringsArray, ...values: readonly Piece[]): Markup {
  return new Markup(parts.reduce((text, part, i) => text + part + (i < values.length ? render(values[i]) : ''), ''));
}

function render(value: Piece): string {
  if (value === undefined) return '';
  if (value instanceof Markup) return value.text;
  if (typeof value === 'string' || typeof value === 'number') return escapeHtml(String(value));
  return value.map(render).join('');
}

/** A table with a caption and a head of column names; columns of numbers (or of text that starts with one) align right. */
export function table(caption: string, head: readonly Piece[], rows: readonly (readonly Piece[])[]): Markup {
  const numeric = (cell: Piece) => typeof cell === 'number' || (typeof cell === 'string' && /^[-−+]?[\d.]/.test(cell));
  const numbers = head.map(
    (_, column) =>
      column > 0 &&
      rows.some((row) => numeric(row[column])) &&
      rows.every((row) => numeric(row[column]) || row[column] === '–'),
  );
  const cell = (value: Piece, column: number) => {
    if (column === 0) return html`<th scope="row">${value}</th>`;
    return numbers[column] ? html`<td class="number">${value}</td>` : html`<td>${value}</td>`;
  };
  const heading = (name: Piece, column: number) =>
    numbers[column] ? html`<th scope="col" class="number">${name}</th>` : html`<th scope="col">${name}</th>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table>
<caption><span>${caption}</span></caption>
<thead><tr>${head.map(heading)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map(cell)}</tr>\n`)}</tbody>
</table></div>`;
}
