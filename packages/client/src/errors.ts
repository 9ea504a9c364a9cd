/** The service could not be reached, or its answer is not one of a service. */
export class TransportError extends Error {
  override readonly name: string = 'TransportError';
}

/** The connection could not be made, broke, or stalled: the request may or may not have arrived. */
export class ConnectionLost extends TransportError {
  override readonly name = 'ConnectionLost';
}

/** The service answered that it will not do what was asked. */
export class ServiceError extends TransportError {
  override readonly name = 'ServiceError';
  /** For programs: see `problemStatus` of the protocol; a newer service may have more. */
  readonly code: string;
  /** What to do, for people. */
  readonly hint: string | undefined;
  /** HTTP status. */
  readonly status: number;
  /** Facts that belong to the code, such as `missing`. From the service: check before use. */
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(options: {
    message: string;
    code: string;
    hint?: string | undefined;
    status: number;
    fields?: Readonly<Record<string, unknown>>;
  }) {
    super(options.hint === undefined ? options.message : `${options.message}: ${options.hint}`);
    this.code = options.code;
    this.hint = options.hint;
    this.status = options.status;
    this.fields = options.fields ?? {};
  }
}

/** The service read the evaluation keys and refused them. */
export class KeysRejected extends TransportError {
  override readonly name = 'KeysRejected';

  constructor(reason: string) {
    super(`the service refused the evaluation keys: ${reason}. Ask again: they are made and sent anew`);
  }
}

/** The service gave a question up. */
export class JobFailed extends TransportError {
  override readonly name = 'JobFailed';

  constructor(reason: string) {
    super(`the service could not answer: ${reason}`);
  }
}
