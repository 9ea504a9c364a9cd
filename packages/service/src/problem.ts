import { CipherformerError } from '@cipherformer/base';
import { type ProblemCode, problemStatus } from '@cipherformer/client/protocol';

/** Something the service will not do. It is answered as application/problem+json (RFC 9457). */
export class Problem extends CipherformerError {
  override readonly name = 'Problem';
  override readonly code = 'service-refused';
  /** Which one, as the protocol names it. */
  readonly problem: ProblemCode;
  readonly fields: Readonly<Record<string, unknown>>;

  /**
   * @param detail what was wrong here
   * @param hint what to do about it
   * @param fields facts for programs
   */
  constructor(problem: ProblemCode, detail: string, hint: string, fields: Readonly<Record<string, unknown>> = {}) {
    super(detail, { hint });
    this.problem = problem;
    this.fields = fields;
  }

  get status(): number {
    return problemStatus[this.problem];
  }

  /** The document that is answered: its `code` is the protocol's. */
  override toJSON(): Record<string, unknown> {
    return {
      type: `urn:cipherformer:problem:${this.problem}`,
      title: this.problem.replaceAll('-', ' '),
      status: this.status,
      detail: this.message,
      code: this.problem,
      hint: this.hint,
      ...this.fields,
    };
  }
}

/** What the service stands on is away, or takes no changes, and may be back soon. */
export function unreachable(): Problem {
  return new Problem(
    'unreachable',
    'what the service stands on cannot be reached now',
    'send the same again in some seconds: what was acknowledged is kept',
    { retryAfter: 5 },
  );
}

/** A service that cannot start: what was wrong, where, and how to fix it. */
export class StartError extends CipherformerError {
  override readonly name = 'StartError';
  override readonly code = 'cannot-start';
}
