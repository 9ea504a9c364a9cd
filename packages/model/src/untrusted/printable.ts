import { escapeControls } from '@cipherformer/base';

/** Whether text can be shown as it is, on one line, or, with `keep` of a line feed, on more. */
export function isPrintable(text: string, keep = ''): boolean {
  return escapeControls(text, keep) === text;
}

/** Escaped and, where that is longer than `most` characters, cut: a stranger's text inside a message of ours. */
export function excerpt(text: string, most = 200): string {
  const escaped = escapeControls(text.slice(0, most + 1));
  if (escaped.length <= most) return escaped;
  // Not within an escape.
  return `${escaped.slice(0, most).replace(/\\(u[0-9a-f]{0,3})?$/, '')}...`;
}

/** A value for a message: as JSON, escaped, of 60 characters at most. */
export function shown(value: unknown): string {
  // A value of any size may be wrong; only its beginning is written out.
  const brief = typeof value === 'string' ? value.slice(0, 80) : value;
  const text = typeof brief === 'bigint' ? `${brief}` : (JSON.stringify(brief) ?? String(brief));
  return excerpt(text, text.length > 60 ? 57 : 60);
}

/** Names for a message: the first few. */
export const listed = (names: readonly string[], most = 10): string =>
  names.slice(0, most).map(shown).join(', ') + (names.length > most ? ` and ${names.length - most} more` : '');
