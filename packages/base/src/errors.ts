import { type ErrorCode, errorCodes } from './error-codes.ts';
import { escapeControls } from './printable.ts';

export interface CipherformerErrorOptions extends ErrorOptions {
  /** What to do, where it is known more exactly than for every error of the code. */
  readonly hint?: string | undefined;
}

/**
 * Base of every error that is thrown on purpose: the message says what was wrong, where, and how to fix it; `code` tells
 * programs which it is. What a terminal would act on is escaped, since both may carry a stranger's words.
 */
export abstract class CipherformerError extends Error {
  override readonly name: string = 'CipherformerError';
  abstract readonly code: ErrorCode;
  readonly #hint: string | undefined;

  constructor(message: string, { hint, ...options }: CipherformerErrorOptions = {}) {
    super(escapeControls(message, '\n\t'), options);
    this.#hint = hint === undefined ? undefined : escapeControls(hint, '\n\t');
  }

  /** What to do about it. */
  get hint(): string {
    return this.#hint ?? errorCodes[this.code].hint;
  }

  /** As a plain object, for another thread or process: `isCipherformerError` knows it there. */
  toJSON(): Record<string, unknown> {
    return { name: this.name, code: this.code, message: this.message, hint: this.hint };
  }
}

/** A mistake in how something was called: what is wrong, and how to call it right. */
export class UsageError extends CipherformerError {
  override readonly name = 'UsageError';
  override readonly code = 'bad-usage';
}

/** A file that cannot be read or written: where it is, what it needs, what is left on the disk, what to do. */
export class StorageError extends CipherformerError {
  override readonly name = 'StorageError';
  override readonly code = 'storage-failed';
}

/** A package that is not always installed, and is needed now: the hint is the line that installs it. */
export class MissingPackageError extends CipherformerError {
  override readonly name = 'MissingPackageError';
  override readonly code = 'missing-package';
}

/**
 * Whether something is an error of ours, by its code alone: a second copy of a package has classes of its own, and what
 * comes from another thread or process is a plain object with `code`, `message` and `hint`.
 */
export function isCipherformerError(value: unknown): value is CipherformerError {
  if (typeof value !== 'object' || value === null || !('code' in value && 'message' in value && 'hint' in value))
    return false;
  const { code, message, hint } = value;
  return (
    typeof code === 'string' &&
    Object.hasOwn(errorCodes, code) &&
    typeof message === 'string' &&
    typeof hint === 'string'
  );
}
