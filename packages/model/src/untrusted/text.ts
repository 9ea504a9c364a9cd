import { DataError } from '../errors.ts';

/** A file's bytes, and what to call it in messages. */
export interface NamedBytes {
  readonly where: string;
  readonly bytes: Uint8Array;
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
