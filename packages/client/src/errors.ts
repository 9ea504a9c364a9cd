import { CipherformerError, type ErrorCode, gib } from '@cipherformer/base';
import { excerpt } from '@cipherformer/model/untrusted';

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

/** A program, and the list of its evaluation keys. */
export interface SeenProgram {
  /** SHA-256, in hexadecimal. */
  readonly digest: string;
  readonly plan: string;
}

/** A service has another program under the name of one that it has no more: its successor, if that is what it is. */
export interface ProgramChange {
  readonly name: string;
  readonly before: SeenProgram;
  readonly now: SeenProgram;
  /** Parts of evaluation keys that the service has, and those that would be made for it, with their bytes. */
  readonly keptParts: number;
  readonly newParts: number;
  readonly newBytes: number;
}

/** The service has another program than the one that its owner knew under this name. No key was made for it. */
export class ProgramChanged extends CipherformerError {
  override readonly name = 'ProgramChanged';
  override readonly code = 'program-changed';
  readonly change: ProgramChange;

  constructor(change: ProgramChange) {
    super(describeChange(change), {
      hint: `ask whoever runs the service whether it was changed, then agree to the program ${change.now.digest.slice(0, 12)}`,
    });
    this.change = change;
  }
}

/** In a sentence, for a person. */
export function describeChange({ name, before, now, keptParts, newParts, newBytes }: ProgramChange): string {
  const keys =
    newParts === 0
      ? 'it needs no other keys'
      : `of its keys ${keptParts} parts are at the service already, ${newParts} (${gib(newBytes)}) would be made`;
  const [was, is] = [before, now].map(({ digest }) => digest.slice(0, 12));
  return `the service has another program under the name ${excerpt(name)} than before: ${is} in the place of ${was}; ${keys}`;
}

/** The service gave a question up. */
export class JobFailed extends TransportError {
  override readonly name = 'JobFailed';
  override readonly code = 'job-failed';
  /** What is wrong with a step of a generation, where that is the reason; the words for it are in the message. */
  readonly problem: string | undefined;

  /** @param problem see `stepProblemOf` of the protocol */
  constructor(reason: string, problem?: string) {
    super(`the service could not answer: ${reason}`);
    this.problem = problem;
  }
}
