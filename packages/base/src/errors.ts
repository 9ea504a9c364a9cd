/** Base of every error that is thrown on purpose: the message says what was wrong, where, and how to fix it. */
export class CipherformerError extends Error {
  override readonly name: string = 'CipherformerError';
}

/** A mistake in how something was called: what is wrong, and how to call it right. */
export class UsageError extends CipherformerError {
  override readonly name = 'UsageError';
}
