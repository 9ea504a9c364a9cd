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
  /** What was found nevertheless, for tools: printed in one object with the error. */
  readonly found: object;

  constructor(message: string, found: object = {}) {
    super(message);
    this.found = found;
  }
}

/** What a person should know of, though the work goes on. */
export const warn = (text: string): void => void process.stderr.write(showable(`${pc.yellow('warning')} ${text}\n`));

/** The command line's own way to do what a message of a library asks for: libraries know no options of ours. */
function optionHint(code: ErrorCode, argv: readonly string[]): string | undefined {
  if (code === 'other-run') return '--out names another folder, --restart starts over';
  if (code === 'not-enough-memory' && argv[0] === 'compile')
    return '--memory allows more, --batch computes fewer inputs at once';
  if (code === 'key-limit') return '--max-key-bytes allows more: 8GiB';
  if (code === 'program-changed')
    return '--program with the beginning of its digest, 12 digits or more, goes on with it';
  if (code === 'missing-file' && argv.includes('--data'))
    return 'paths of data start from the folder that --data names';
  return undefined;
}

/**
 * Prints an error, and returns the exit code. For a person on stderr: with its code (docs/errors.md) and, where there is more
 * to say than the message does, what to do; one that was not thrown on purpose with its stack. For a tool on stdout, too:
 * { error: { code, message, hint } }.
 */
export function reportError(error: unknown, argv: readonly string[] = []): ExitCode {
  const json = argv.includes('--json');
  if (!isCipherformerError(error)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`${pc.red('error')} ${showable(text)}\n`);
    if (json) printJson({ code: 'internal', message: error instanceof Error ? error.message : text, hint: faultHint });
    return 1;
  }
  const { code, message, hint } = error;
  const entry = errorCodes[code];
  // Messages hold the cure themselves: what is said of every error of the code adds nothing.
  const hints = [hint === entry.hint || message.includes(hint) ? undefined : hint, optionHint(code, argv)].filter(
    (line) => line !== undefined && line !== '',
  );
  const lines = hints.map((line) => `${pc.bold('hint')} ${line}\n`);
  process.stderr.write(showable(`${pc.red(`error[${code}]`)} ${message}\n${lines.join('')}`));
  if (json)
    printJson({ code, message, hint: hints.join('; ') || hint }, error instanceof CheckFailedError ? error.found : {});
  return entry.exit;
}

const faultHint = 'this is a fault of ours: report it with what is on stderr';

function printJson(error: { code: string; message: string; hint: string }, found: object = {}): void {
  process.stdout.write(`${JSON.stringify({ ...found, error })}\n`);
}
