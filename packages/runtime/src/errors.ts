import { CipherformerError, type ErrorCode } from '@cipherformer/base';

/** An encrypted program that breaks its own rules: a fault of whoever made it. */
export class ProgramError extends CipherformerError {
  override readonly name = 'ProgramError';
  override readonly code = 'bad-program';
}

/** Values that do not fit a program's inputs. */
export class InputError extends CipherformerError {
  override readonly name = 'InputError';
  override readonly code = 'bad-input';
}

/** A program's folder, keys or ciphertexts as files: damaged, cut short, or of something else. */
export class FileError extends CipherformerError {
  override readonly name: string = 'FileError';
  override readonly code: ErrorCode = 'damaged-file';
}

/** A file of another program or key than the one it is used with. */
export class MismatchError extends FileError {
  override readonly name = 'MismatchError';
  override readonly code = 'wrong-key-or-program';
}

/**
 * What is wrong with a result:
 * 'damaged' in transfer, or no result at all;
 * 'mismatched': of another program, key or request. Whoever named the files may have mixed them up, or a server did;
 * 'dishonest': no server that runs the program makes it.
 */
export type ResultFault = 'damaged' | 'mismatched' | 'dishonest';

/** A result that is refused before the secret key touches it. */
export class ResultError extends FileError {
  override readonly name = 'ResultError';
  override readonly code: 'damaged-result' | 'mismatched-result' | 'dishonest-result';
  readonly fault: ResultFault;

  constructor(fault: ResultFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.fault = fault;
    this.code = `${fault}-result`;
  }
}

/** An answer that cannot leave its owner, even as a label alone. */
export class ShareError extends CipherformerError {
  override readonly name = 'ShareError';
  override readonly code = 'not-shareable';
}

/** A key that decrypts nothing more, or not before its owner agrees, because of what its counted verdicts may have told. */
export class KeyUseError extends CipherformerError {
  override readonly name = 'KeyUseError';
  override readonly code: 'key-locked' | 'verdict-limit';
  /** 'locked' for good, or 'outOfRange': until the owner allows more of them. */
  readonly limit: 'locked' | 'outOfRange';

  constructor(limit: 'locked' | 'outOfRange', message: string) {
    super(message);
    this.limit = limit;
    this.code = limit === 'locked' ? 'key-locked' : 'verdict-limit';
  }
}

/** A program that asks for more evaluation keys than their owner allows. */
export class KeyLimitError extends CipherformerError {
  override readonly name = 'KeyLimitError';
  override readonly code = 'key-limit';
}

/** A run that needs more than the machine has. */
export class ResourceError extends CipherformerError {
  override readonly name = 'ResourceError';
  override readonly code = 'not-enough-memory';
}

/** A step of a generation that cannot go on from what a server keeps. */
export class CacheError extends CipherformerError {
  override readonly name = 'CacheError';
  override readonly code: 'cache-gone' | 'cache-full' | 'wrong-step';

  constructor(code: CacheError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** A prompt that, with what is to follow it, is longer than the model and its cache. */
export class PromptError extends CipherformerError {
  override readonly name = 'PromptError';
  override readonly code = 'prompt-too-long';
}
