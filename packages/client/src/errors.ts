import { CipherformerError, type ErrorCode } from '@cipherformer/base';

/** The service could not be reached, or its answer is not one of a service. */
export class TransportError extends CipherformerError {
  override readonly name: string = 'TransportError';
  override readonly code: ErrorCode = 'not-a-service';
}

/** The connection could not be made, broke, or stalled: the request may or may not have arrived. */
export class ConnectionLost extends TransportError {
  override readonly name = 'ConnectionLost';
  override readonly code = 'connection-lost';
}

/** The service answered that it will not do what was asked. */
export class ServiceError extends TransportError {
  override readonly name = 'ServiceError';
  override readonly code = 'service-refused';
  /** What the service's own code for it is: see `problemStatus` of the protocol; a newer service may have more. */
  readonly problem: string;
  /** HTTP status. */
  readonly status: number;
  /** Facts that belong to the problem, such as `missing`. From the service: check before use. */
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(options: {
    message: string;
    problem: string;
    hint?: string | undefined;
    status: number;
    fields?: Readonly<Record<string, unknown>>;
  }) {
    super(options.message, { hint: options.hint });
    this.problem = options.problem;
    this.status = options.status;
    this.fields = options.fields ?? {};
  }
}

/** The service read the evaluation keys and refused them. */
export class KeysRejected extends TransportError {
  override readonly name = 'KeysRejected';
  override readonly code = 'keys-rejected';

  constructor(reason: string) {
    super(`the service refused the evaluation keys: ${reason}. Ask again: they are made and sent anew`);
  }
}

/** The service gave a question up. */
export class JobFailed extends TransportError {
  override readonly name = 'JobFailed';
  override readonly code = 'job-failed';

  constructor(reason: string) {
    super(`the service could not answer: ${reason}`);
  }
}
