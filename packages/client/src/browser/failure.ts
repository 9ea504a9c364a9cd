import { CipherformerError, type ErrorCode, isCipherformerError } from '@cipherformer/base';
import { ServiceError } from '../errors.ts';

/** An error on its way from the worker to the page: structured clones lose classes and fields. */
export interface Failure {
  readonly code: ErrorCode | 'aborted' | 'unexpected';
  readonly message: string;
  readonly hint?: string;
  /** Of a refusal of the service: its own code, and the facts that belong to it. */
  readonly problem?: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}

/**
 * What went wrong in the worker that holds the key: `code` says what, `problem` and `fields` what the service said
 * (`problemStatus` of the protocol; check `fields` before use).
 */
export class ClientError extends CipherformerError {
  override readonly name = 'ClientError';
  override readonly code: ErrorCode = 'job-failed';
  readonly problem: string | undefined;
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, { message, hint, problem, fields = {} }: Omit<Failure, 'code'>) {
    super(message, { hint });
    this.code = code;
    this.problem = problem;
    this.fields = fields;
  }
}

/** The browser lacks what encryption needs, or this page may not use it: the message says which, the hint what helps. */
export class BrowserError extends CipherformerError {
  override readonly name = 'BrowserError';
  override readonly code = 'unfit-browser';
}

/** The browser keeps nothing for this page: its storage is full, forbidden or broken. */
export class BrowserStorageError extends CipherformerError {
  override readonly name = 'BrowserStorageError';
  override readonly code = 'browser-storage';
}

/** The secret key is sealed with a passphrase, and none or another one was given; or an export cannot be opened. */
export class PassphraseError extends CipherformerError {
  override readonly name = 'PassphraseError';
  override readonly code: 'passphrase-needed' | 'wrong-passphrase';

  constructor(code: 'passphrase-needed' | 'wrong-passphrase', message: string) {
    super(message);
    this.code = code;
  }
}

/** The owner's key was deleted, here or in another tab. */
export class KeyDeleted extends CipherformerError {
  override readonly name = 'KeyDeleted';
  override readonly code = 'key-deleted';

  constructor() {
    super('the secret key was deleted');
  }
}

/** In the worker. */
export function failureOf(error: unknown): Failure {
  if (error instanceof ServiceError) {
    const { code, message, hint, problem, fields } = error;
    return { code, message, hint, problem, fields };
  }
  if (isCipherformerError(error)) return { code: error.code, message: error.message, hint: error.hint };
  if (error instanceof DOMException) return { code: 'aborted', message: error.message };
  if (error instanceof RangeError && /memory|allocation/i.test(error.message))
    return {
      code: 'not-enough-memory',
      message: 'this tab has no memory left',
      hint: 'close other tabs, and ask again',
    };
  return { code: 'unexpected', message: error instanceof Error ? error.message : String(error) };
}

/** In the page. */
export function errorOf(failure: Failure): Error {
  if (failure.code === 'aborted') return new DOMException(failure.message, 'AbortError');
  if (failure.code === 'unexpected') return new Error(failure.message);
  return new ClientError(failure.code, failure);
}
