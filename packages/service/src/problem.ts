import { type ProblemCode, problemStatus } from '@cipherformer/client/protocol';

/** Something the service will not do. It is answered as application/problem+json (RFC 9457). */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  readonly hint: string;
  readonly fields: Readonly<Record<string, unknown>>;

  /**
   * @param detail what was wrong here
   * @param hint what to do about it
   * @param fields facts for programs
   */
  constructor(code: ProblemCode, detail: string, hint: string, fields: Readonly<Record<string, unknown>> = {}) {
    super(detail);
    this.code = code;
    this.hint = hint;
    this.fields = fields;
  }

  get status(): number {
    return problemStatus[this.code];
  }

  toJSON(): Record<string, unknown> {
    return {
      type: `urn:cipherformer:problem:${this.code}`,
      title: this.code.replaceAll('-', ' '),
      status: this.status,
      detail: this.message,
      code: this.code,
      hint: this.hint,
      ...this.fields,
    };
  }
}

/** A service that cannot start: what was wrong, where, and how to fix it. */
export class StartError extends Error {
  override readonly name = 'StartError';
}
