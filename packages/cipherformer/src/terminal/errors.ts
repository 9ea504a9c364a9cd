import { CipherformerError, type ErrorCode, type ExitCode, errorCodes, isCipherformerError } from '@cipherformer/base';
import pc from 'picocolors';
import { showable } from './text.ts';

/** Ends a process in which all went well. */
export const exitOk: ExitCode = 0;
/** Ends one of which the command line could not be read. */
export const exitUsage: ExitCode = errorCodes['bad-usage'].exit;

/** A check that ran and fell short (a self-test, a target). */
export class CheckFailedError extends CipherformerError {
  override readonly name = 'CheckFailedError';
  override readonly code = 'check-failed';
}

/** The command line's own way to do what a message of a library asks for: libraries know no options of ours. */
const optionHints: Partial<Record<ErrorCode, string>> = {
  'missing-file': 'paths of data start from the folder that --data names',
  'other-run': '--out names another folder, --restart starts over',
};

/**
 * Prints an error for a person, with its code (docs/errors.md) and, where there is more to say than the message does, what
 * to do; one that was not thrown on purpose with its stack. Returns the exit code.
 */
export function reportError(error: unknown): ExitCode {
  if (!isCipherformerError(error)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`${pc.red('error')} ${showable(text)}\n`);
    return 1;
  }
  const { code, message, hint } = error;
  const entry = errorCodes[code];
  // Messages hold the cure themselves: what is said of every error of the code adds nothing.
  const hints = [hint === entry.hint || message.includes(hint) ? undefined : hint, optionHints[code]];
  const lines = hints.filter((line) => line !== undefined && line !== '').map((line) => `${pc.bold('hint')} ${line}\n`);
  process.stderr.write(showable(`${pc.red(`error[${code}]`)} ${message}\n${lines.join('')}`));
  return entry.exit;
}
