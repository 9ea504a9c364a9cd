import { Mutex, UsageError } from '@cipherformer/base';
import type { VerdictCounts } from '@cipherformer/runtime/client';
import type { ProgramChange } from '../errors.ts';
import { serviceOf } from '../service-address.ts';
import { lackingFeature } from './environment.ts';
import type {
  AnswerNews,
  KeyState,
  PendingQuestion,
  ProgramFacts,
  ProgramListing,
  Question,
  Score,
} from './messages.ts';
import { type CallOptions, WorkerCalls } from './worker-calls.ts';

// The client of a service in a page. It keeps the page responsive and knows no secret: a worker does the work and has the key.

export interface ServiceOptions {
  /** Opens a service that is not open to everybody. Kept in the browser: give it once. */
  readonly token?: string;
  /** Seals the secret key in the browser's storage, and opens it again. Without one whoever uses this browser can ask. */
  readonly passphrase?: string;
  /** Asks a person whether more answers out of range may be shown: each tells the service something of the key. Default: no. */
  readonly allowMore?: (counts: VerdictCounts, step: number) => boolean | Promise<boolean>;
  /**
   * Asks a person where the service has another program under the name of one that was used here before, before keys are made for
   * it: whether to go on. Default: no, a ClientError 'program-changed'.
   */
  readonly allowChange?: (change: ProgramChange) => boolean | Promise<boolean>;
  /** The worker with the key. Default: the one beside this module, which has to be of the page's own origin. */
  readonly worker?: () => Worker;
}

export interface ConnectOptions extends ServiceOptions {
  /** The program to ask, by the beginning of its digest or its name, where the service has several. */
  readonly program?: string;
  /** Most bytes of evaluation keys: whoever compiled a program chose how many there are. Default: 4 GiB. */
  readonly maxKeyBytes?: number;
}

/** A decrypted answer. It is for the person: nothing of it is sent anywhere. */
export interface BrowserAnswer {
  /** Of a search the text of the first document. Absent where the input left the range that the model is made for; then `reason` says why. */
  readonly label?: string;
  readonly inRange: boolean;
  readonly reason?: string;
  /** Ciphertext that went to the service, and came back. */
  readonly requestBytes: number;
  readonly resultBytes: number;
  /**
   * The scores of all classes, or of all documents in their order, for the person alone: they carry noise that tells of the key, so they are not for publishing or
   * sending on. There for the last 32 answers.
   */
  reveal(): Promise<readonly Score[]>;
}

/**
 * Connects to a program of a service: `const program = await connect(url); (await program.ask({ text })).label`. The first question
 * makes a secret key, which stays in this browser, and sends evaluation keys: minutes and gigabytes at full security.
 * @throws BrowserError where this browser or page cannot, ClientError for what the service or the storage says, UsageError for
 * a program that is not there, or none where there are several
 */
export async function connect(url: string | URL, options: ConnectOptions = {}): Promise<BrowserConnection> {
  const { program = '', maxKeyBytes, ...others } = options;
  const service = await BrowserService.open(url, others);
  try {
    return await service.connect(program, maxKeyBytes === undefined ? {} : { maxKeyBytes });
  } catch (error) {
    service.close();
    throw error;
  }
}

/** A service with what this browser keeps for it: one secret key, whichever of its programs are asked. */
export class BrowserService {
  /** Of the service, without a slash at its end. */
  readonly url: string;
  /** What it serves. */
  readonly programs: readonly ProgramListing[];
  readonly #calls: WorkerCalls;
  readonly #deleted: Set<() => void>;

  private constructor(url: string, programs: readonly ProgramListing[], calls: WorkerCalls, deleted: Set<() => void>) {
    this.url = url;
    this.programs = programs;
    this.#calls = calls;
    this.#deleted = deleted;
  }

  /** @throws as `connect` */
  static async open(url: string | URL, options: ServiceOptions = {}): Promise<BrowserService> {
    const lacking = lackingFeature();
    if (lacking !== undefined) throw lacking;
    const { token, passphrase, allowMore = () => false, allowChange = () => false, worker = ownWorker } = options;
    const service = serviceOf(new URL(url, document.baseURI));
    const deleted = new Set<() => void>();
    const calls = new WorkerCalls(worker(), {
      allowMore,
      allowChange,
      deleted: () => {
        for (const tell of deleted) tell();
      },
    });
    try {
      const given = {
        service,
        ...(token === undefined ? {} : { token }),
        ...(passphrase === undefined ? {} : { passphrase }),
      };
      return new BrowserService(service, await calls.call('open', given), calls, deleted);
    } catch (error) {
      calls.end(error);
      throw error;
    }
  }

  /** @param wanted beginning of a program's digest, or its name; may be empty where there is one program */
  async connect(wanted = '', options: Pick<ConnectOptions, 'maxKeyBytes'> = {}): Promise<BrowserConnection> {
    const fitting = this.programs.filter(({ digest, name }) => digest.startsWith(wanted) || name === wanted);
    if (fitting.length !== 1) {
      const served =
        this.programs.map(({ name, digest }) => `${name} (${digest.slice(0, 12)})`).join(', ') || 'no program';
      throw new UsageError(
        fitting.length === 0
          ? `the service has no program ${wanted}: it serves ${served}`
          : `the service has several programs, choose one by its name or digest: ${served}`,
      );
    }
    const { digest: program } = fitting[0]!;
    return new BrowserConnection(this, this.#calls, await this.#calls.call('program', { program, ...options }));
  }

  /** Questions that were out when a page of this browser was closed or loaded again, oldest first: `resume` reads their answers. */
  pending(): Promise<readonly PendingQuestion[]> {
    return this.#calls.call('pending', {});
  }

  /** Waits for the answer to a question of before. @throws ClientError 'service-refused' where the service has it no more */
  async resume({ job }: PendingQuestion, options: CallOptions = {}): Promise<BrowserAnswer> {
    return answerOf(await this.#calls.call('resume', { job }, options), this.#calls);
  }

  /** Whether this browser has a secret key for the service. */
  hasSecret(): Promise<boolean> {
    return this.#calls.call('hasSecret', {});
  }

  /**
   * Seals the secret key in this browser under a passphrase, or another one, or none any more; makes the key where there is none.
   * Other pages of it are asked for the passphrase with their next question.
   * @throws ClientError 'passphrase-needed' or 'wrong-passphrase' where it was sealed before, and not opened here
   */
  sealSecret(passphrase?: string): Promise<undefined> {
    return this.#calls.call('sealSecret', passphrase === undefined ? {} : { passphrase });
  }

  /** Whether the secret key in this browser is sealed under a passphrase. */
  isSealed(): Promise<boolean> {
    return this.#calls.call('isSealed', {});
  }

  /** The secret key as a file that the passphrase opens: the only way by which it leaves the browser. */
  exportSecret(passphrase: string): Promise<Uint8Array<ArrayBuffer>> {
    return this.#calls.call('exportSecret', { passphrase });
  }

  /**
   * Takes an exported secret key in the place of the one that is there.
   * @param seal the passphrase that seals it in this browser from now on. Default: none
   */
  importSecret(file: Uint8Array<ArrayBuffer>, passphrase: string, seal?: string): Promise<undefined> {
    return this.#calls.call('importSecret', { file, passphrase, ...(seal === undefined ? {} : { seal }) });
  }

  /** Erases the secret key here, in other tabs, and its evaluation keys at the service, as far as that answers. */
  deleteSecret(): Promise<{ readonly leftAtService: boolean }> {
    return this.#calls.call('deleteSecret', {});
  }

  /** Hears when another tab deletes the key, or puts another in its place. @returns what ends that */
  onDeleted(tell: () => void): () => void {
    this.#deleted.add(tell);
    return () => this.#deleted.delete(tell);
  }

  /** Ends what is under way, and the worker. */
  close(): void {
    this.#calls.end(new UsageError('the connection is closed: connect again'));
  }
}

/** One program of a service. Questions are answered one after another. */
export class BrowserConnection implements Disposable {
  readonly service: BrowserService;
  readonly program: ProgramFacts;
  readonly #calls: WorkerCalls;
  readonly #turns = new Mutex();

  constructor(service: BrowserService, calls: WorkerCalls, program: ProgramFacts) {
    this.service = service;
    this.program = program;
    this.#calls = calls;
  }

  /** Whether a secret key is here, and its evaluation keys at the service. */
  keys(): Promise<KeyState> {
    return this.#turns.run(() => this.#calls.call('keys', this.#given));
  }

  /** Makes and sends the keys without a question; `ask` does so where it has to. May be stopped and begun again. */
  makeKeys(options: CallOptions = {}): Promise<undefined> {
    return this.#turns.run(() => this.#calls.call('makeKeys', this.#given, options));
  }

  /**
   * Encrypts a question here, has the service compute on it, and decrypts the answer here.
   * @throws ClientError; the signal's reason, after which the service no longer computes
   */
  ask(question: Question, options: CallOptions = {}): Promise<BrowserAnswer> {
    return this.#turns.run(async () =>
      answerOf(await this.#calls.call('ask', { ...this.#given, question }, options), this.#calls),
    );
  }

  /** Closes the service's connection with all its programs. */
  close(): void {
    this.service.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get #given() {
    return { program: this.program.digest };
  }
}

function answerOf({ id, ...answer }: AnswerNews, calls: WorkerCalls): BrowserAnswer {
  return { ...answer, inRange: answer.label !== undefined, reveal: () => calls.call('reveal', { answer: id }) };
}

/** By the name that it has when it is built: bundlers find the source beside it. */
function ownWorker(): Worker {
  return new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
}
