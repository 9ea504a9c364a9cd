import { z } from 'zod';
import { DataError } from '../errors.ts';

// What readers of bytes from strangers share; runs in browsers, too.

/** A file's bytes, and what to call it in messages. */
export interface NamedBytes {
  readonly where: string;
  readonly bytes: Uint8Array;
}

/** Deepest nesting of JSON that is read: who walks the values may do so by recursion. */
const maxDepth = 64;

/** JSON.parse for text from strangers. @throws SyntaxError, also for what is nested more than 64 deep; it can be printed */
export function parseJson(text: string): unknown {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '"') {
      i = endOfString(text, i);
    } else if (char === '[' || char === '{') {
      if (++depth > maxDepth) throw new SyntaxError(`it is nested more than ${maxDepth} deep`);
    } else if (char === ']' || char === '}') depth--;
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    // The message quotes the text.
    throw new SyntaxError(escaped((error as Error).message));
  }
}

/** The JSON in a value of a file's metadata; null where there is none, for a schema to refuse. */
export function parseMetadata(text = 'null'): unknown {
  try {
    return parseJson(text);
  } catch {
    return null;
  }
}

/** Where the string that begins at `start` ends, or the text does. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; ; i++) {
    const end = text.indexOf('"', i);
    if (end < 0) return text.length;
    let escapes = 0;
    while (text[end - 1 - escapes] === '\\') escapes++;
    if (escapes % 2 === 0) return end;
    i = end;
  }
}

/** Decodes UTF-8. @throws TypeError for bytes that are none */
export const decodeUtf8 = (bytes: Uint8Array): string => new TextDecoder('utf-8', { fatal: true }).decode(bytes);

/** A numbered line of a text, without its end. */
export interface Line {
  /** From 1. */
  readonly line: number;
  readonly text: string;
}

/**
 * Lines that end in \n or \r\n.
 * @throws DataError for a carriage return alone: as an end of line or as part of one, readers differ about it
 */
export function splitLines(text: string, where: string): Line[] {
  const lone = /\r(?!\n)/.exec(text);
  if (lone) throw loneReturn(where, lineAt(text, lone.index));
  return text.split(/\r?\n/).map((content, i) => ({ line: i + 1, text: content }));
}

export const loneReturn = (where: string, line: number): DataError =>
  new DataError(
    `${where}, line ${line}: a carriage return stands without a line feed. Save the file with Unix or Windows line ends (\\n or \\r\\n).`,
  );

/** The line, from 1, of a position. */
export function lineAt(text: string, position: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at >= 0 && at < position; at = text.indexOf('\n', at + 1)) line++;
  return line;
}

/** Characters that a terminal or an editor obeys instead of showing them. */
const obeyed = /(?![\n\t])\p{Cc}|[\u2028-\u202e\u2066-\u2069]/gu;

const escaped = (text: string): string =>
  text.replace(obeyed, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** A value for a message: as JSON, cut short, without characters that a terminal obeys. */
export function shown(value: unknown): string {
  // A value of any size may be wrong; only its beginning is written out.
  const brief = typeof value === 'string' ? value.slice(0, 80) : value;
  const text = typeof brief === 'bigint' ? `${brief}` : (JSON.stringify(brief) ?? String(brief));
  return escaped(text.length > 60 ? `${text.slice(0, 57)}...` : text);
}

/** A name or a note that is printed: text without characters that a terminal obeys. */
export const words = z
  .string()
  .max(2000)
  .refine((text) => escaped(text) === text, 'has control characters');

/** What is wrong with a value that a schema refused, field by field, with what is there. */
export function problems({ issues }: z.ZodError, value: unknown): string {
  const lines = issues.slice(0, 5).map((issue) => {
    const found = issue.path.reduce<unknown>(
      (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
      value,
    );
    const line = escaped(z.prettifyError({ issues: [issue] }));
    return typeof found === 'object' && found !== null ? line : `${line} (found ${shown(found)})`;
  });
  return lines.join('\n') + (issues.length > lines.length ? `\nand ${issues.length - lines.length} more` : '');
}

/** Names for a message: the first few. */
export const listed = (names: readonly string[], most = 10): string =>
  names.slice(0, most).map(shown).join(', ') + (names.length > most ? ` and ${names.length - most} more` : '');
