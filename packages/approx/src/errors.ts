import { CipherformerError } from '@cipherformer/base';

/** Base of every error this package throws on purpose. The message says what was wrong, where, and what to change. */
export abstract class ApproxError extends CipherformerError {
  override readonly name: string = 'ApproxError';
}

/** An interval that is empty, reversed, not finite, or overlaps another one. */
export class IntervalError extends ApproxError {
  override readonly name = 'IntervalError';
  override readonly code = 'bad-interval';
}

/** The function is not defined, not finite, or has a pole at a point of the interval. */
export class FunctionValueError extends ApproxError {
  override readonly name = 'FunctionValueError';
  override readonly code = 'undefined-value';
  /** The offending argument. */
  readonly x: number;

  constructor(message: string, x: number) {
    super(message);
    this.x = x;
  }
}

/** A degree that is not a whole number, too small for the constraints, or beyond what doubles carry. */
export class DegreeError extends ApproxError {
  override readonly name = 'DegreeError';
  override readonly code = 'bad-degree';
}

/** A request whose options contradict each other or the function. */
export class OptionError extends ApproxError {
  override readonly name = 'OptionError';
  override readonly code = 'bad-options';
}

/** A function that is not in the catalogue and not a readable expression. */
export class ExpressionError extends ApproxError {
  override readonly name = 'ExpressionError';
  override readonly code = 'bad-expression';
}

/** A table, density or weight file that cannot be used; the message names the line or entry. */
export class TableError extends ApproxError {
  override readonly name = 'TableError';
  override readonly code = 'bad-table';
}

/** Why a Remez exchange stopped before it converged. */
export type ConvergenceReason = 'rounding' | 'alternation' | 'iterations' | 'constraint';

/** The Remez exchange could not converge. `reason` is for programs, the message for people. */
export class ConvergenceError extends ApproxError {
  override readonly name = 'ConvergenceError';
  override readonly code = 'no-convergence';
  readonly reason: ConvergenceReason;

  constructor(message: string, reason: ConvergenceReason) {
    super(message);
    this.reason = reason;
  }
}

/** No finite bound of the error could be proved. */
export class CertificateError extends ApproxError {
  override readonly name = 'CertificateError';
  override readonly code = 'no-certificate';
}

/** No candidate of a search meets the bounds that were asked for. */
export class SearchError extends ApproxError {
  override readonly name = 'SearchError';
  override readonly code = 'no-candidate';
}

/** A stored approximation that does not follow the schema; the message gives the path inside it. */
export class SchemaError extends ApproxError {
  override readonly name = 'SchemaError';
  override readonly code = 'bad-approximation';
}
