import type { CommandLine } from './command-line.ts';
import { CheckFailedError } from './errors.ts';
import { showable } from './text.ts';

/** What a verb ends with. */
export interface Outcome {
  /** For a tool: one object. */
  readonly value: object;
  /** For a person. */
  readonly text: string | (() => string);
  /** The command that comes next, for a person. */
  readonly next?: CommandLine | undefined;
  /** What fell short, where something did. */
  readonly shortfall?: string | undefined;
}

/**
 * Prints what a verb ends with: one JSON object on stdout for a tool; for a person the text there, and the next command on
 * stderr, since stdout carries data.
 * @throws CheckFailedError where something fell short; for a tool it carries the object, which is printed with the error
 */
export function print(json: boolean | undefined, { value, text, next, shortfall }: Outcome): void {
  if (shortfall === undefined || !json) {
    const shown = json ? JSON.stringify(value) : typeof text === 'string' ? text : text();
    if (shown !== '') process.stdout.write(`${shown}\n`);
  }
  if (shortfall !== undefined) throw new CheckFailedError(shortfall, json ? value : {});
  if (!json && next !== undefined) process.stderr.write(showable(`next: npx ${next}\n`));
}

/** A line of text for a person: on stderr, since stdout carries data. */
export const note = (text: string): void => void process.stderr.write(showable(`${text}\n`));
