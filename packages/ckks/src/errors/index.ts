import { CipherformerError } from '@cipherformer/base';

/**
 * Every error this package raises on purpose. Each message says what was wrong, where, and how to fix it; none ever
 * contains key material.
 */
export abstract class CkksError extends CipherformerError {
  override readonly name: string = 'CkksError';
}

/** The kernels could not be loaded, or a call to them failed. */
export class KernelError extends CkksError {
  override readonly name = 'KernelError';
  override readonly code = 'no-kernels';
}

/** Memory that was released is used, or there is none left. */
export class MemoryError extends CkksError {
  override readonly name = 'MemoryError';
  override readonly code = 'bad-memory';
}

/** Parameters that are inconsistent, insecure or unsupported. */
export class ParameterError extends CkksError {
  override readonly name = 'ParameterError';
  override readonly code = 'bad-parameters';
}

/** Operands that do not fit each other or the operation: level, scale, size, parameters, domain. */
export class OperandError extends CkksError {
  override readonly name = 'OperandError';
  override readonly code = 'bad-operand';
}

/** A key that an operation needs is missing or does not fit. */
export class KeyError extends CkksError {
  override readonly name = 'KeyError';
  override readonly code = 'missing-key';
}

/** A secret, or numbers that tell of one, that would become text. */
export class SecrecyError extends CkksError {
  override readonly name = 'SecrecyError';
  override readonly code = 'kept-secret';
}

/** Bytes that are not what they claim to be. */
export class WireError extends CkksError {
  override readonly name = 'WireError';
  override readonly code = 'bad-bytes';
}
