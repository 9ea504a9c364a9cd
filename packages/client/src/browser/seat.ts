import { CipherformerError, UsageError } from '@cipherformer/base';
import { SecretKey, type SecurityOptions } from '@cipherformer/ckks';
import { answerKindOf, type ModelInput, pictureDecoder } from '@cipherformer/model';
import { checkKeyBytes, type PrivateAnswer, type VerdictCounts } from '@cipherformer/runtime/client';
import { type ProgramChange, ProgramChanged } from '../errors.ts';
import type { HttpOptions } from '../http.ts';
import type { Job } from '../protocol.ts';
import { type Owner, type Reply, ServiceSession, type SessionOptions, type Submitted } from '../session.ts';
import { Transport } from '../transport.ts';
import type { KeyState, ProgramFacts, Question, QuestionProgress } from './messages.ts';
import type { StoredOwner, StoredQuestion, Vault } from './vault.ts';

/** Tabs make an owner's keys one after the other: the second finds them made. */
const keysLock = (owner: StoredOwner) => `cipherformer-keys ${owner.name}`;
/** Held while a question is waited for: another tab does not take its answer. */
const questionLock = (job: string) => `cipherformer-question ${job}`;

/** What the owner stops, not a failure. */
export class Stopped extends CipherformerError {
  override readonly name = 'Stopped';
  override readonly code = 'interrupted';
}

/**
 * Bytes of an empty buffer that is made and dropped after each part that was sent. It is never touched and takes no memory,
 * but Chromium counts it, and collects sooner the buffers and copies of earlier parts. Measured for 2.3 GiB of keys: the
 * tab's peak is 376 MiB, without it 470 to 600.
 */
const pressureBytes = 32 * 2 ** 20;

/** Keeps the memory of what was sent low. */
class TabTransport extends Transport {
  override async putPart(...part: Parameters<Transport['putPart']>): Promise<void> {
    await super.putPart(...part);
    new ArrayBuffer(pressureBytes);
  }
}

/** What a seat is made of. */
export interface SeatOptions {
  readonly service: string;
  readonly program: string;
  readonly http: HttpOptions;
  readonly vault: Vault;
  readonly security: SecurityOptions;
  readonly maxKeyBytes?: number | undefined;
  /** Asks the owner whether more answers out of range may be shown. */
  readonly allowMore: (counts: VerdictCounts) => Promise<boolean>;
  /** Asks the owner about a program in the place of one that was used before. */
  readonly allowChange: (change: ProgramChange) => Promise<boolean>;
}

/** Whose a question is, and how it is watched and ended. */
export interface Asker {
  readonly owned: StoredOwner;
  readonly master: Uint8Array;
  readonly signal: AbortSignal;
  readonly progress: (progress: QuestionProgress) => void;
}

/** One program of a service, with kernels and a connection of its own. One thing at a time; after a failure it is thrown away. */
export class Seat {
  readonly #options: SeatOptions;
  readonly #session: ServiceSession;
  readonly #transport: Transport;
  /** Ends what is under way on the line. */
  readonly #closing: AbortController;

  private constructor(options: SeatOptions, session: ServiceSession, transport: Transport, closing: AbortController) {
    this.#options = options;
    this.#session = session;
    this.#transport = transport;
    this.#closing = closing;
  }

  /** @throws what ServiceSession.open throws */
  static async open(options: SeatOptions): Promise<Seat> {
    const { service, program, http, security } = options;
    const closing = new AbortController();
    const transport = new TabTransport(service, { ...http, signal: closing.signal });
    const session = await ServiceSession.open(transport, { program, ...security });
    const { name, task, problem } = session.client.manifest.model;
    const kind = answerKindOf(task, problem);
    if (kind === 'token-classes' || kind === 'labels' || kind === 'numbers') {
      session.close();
      throw new UsageError(
        `${name} does not choose one class (${kind}), which pages do not show yet: ask it by the library or the command line`,
      );
    }
    return new Seat(options, session, transport, closing);
  }

  get program(): string {
    return this.#session.program.digest;
  }

  get facts(): ProgramFacts {
    const { manifest, preparation, documents } = this.#session.client;
    const { preprocess, task, graph } = preparation;
    const { parameters } = this.#session.context;
    const { cpuSeconds, peakBytes, bootstraps, instructions } = manifest.predicted;
    return {
      digest: manifest.digest,
      plan: manifest.keys.plan,
      name: manifest.model.name,
      task,
      input:
        preprocess.kind === 'image'
          ? { kind: 'image', ...sizesOf(preprocess.patches), anySize: preprocess.picture !== undefined }
          : { kind: 'text', tokens: graph.tokens },
      ...(manifest.model.classes ? { classes: manifest.model.classes } : {}),
      ...(documents ? { documents } : {}),
      keys: manifest.keys.list.length,
      keyBytes: manifest.keys.wireBytes,
      ...{ cpuSeconds, peakBytes, bootstraps, instructions },
      ...{ logN: parameters.logN, logQP: parameters.logQP },
    };
  }

  /** What there is of an owner's keys. */
  async keys(master: Uint8Array | undefined): Promise<KeyState> {
    if (master === undefined) return 'nothing';
    using secret = this.secret(master);
    const { plan } = this.#session.program;
    const found = (await this.#transport.keysets()).find((keyset) => keyset.plan === plan && keyset.key === secret.id);
    return found?.state === 'ready' ? 'ready' : 'unfinished';
  }

  /** Makes and sends the keys that are missing. */
  async makeKeys(asker: Asker): Promise<void> {
    await this.#watched(asker, async (owner, options) => {
      await this.#keysMade(asker, owner, options);
    });
  }

  /** Asks, and keeps in the vault that the question is out until its answer is here. */
  ask(asker: Asker, question: Question): Promise<PrivateReply> {
    return this.#watched(asker, async (owner, options) => {
      const input = await inputOf(question);
      await this.#keysMade(asker, owner, options);
      const submitted = await this.#session.submit(owner, [input], options);
      return holding(questionLock(submitted.job), async () => {
        await this.#options.vault.keepQuestion(asker.owned, { program: this.program, submitted, asked: Date.now() });
        return this.#answered(asker, owner, submitted, options);
      });
    });
  }

  /** Waits for the answer to a question of before the page was loaded. */
  resume(asker: Asker, { submitted }: StoredQuestion): Promise<PrivateReply> {
    return this.#watched(asker, (owner, options) =>
      holding(questionLock(submitted.job), () => this.#answered(asker, owner, submitted, options)),
    );
  }

  /** Cancels what still uses the key sets of a key, and deletes them. */
  async forget(master: Uint8Array): Promise<void> {
    using secret = this.secret(master);
    const mine = new Set((await this.#transport.keysets()).filter(({ key }) => key === secret.id).map(({ id }) => id));
    const jobs: Job[] = await this.#transport.jobs();
    for (const job of jobs) if (mine.has(job.keyset)) await this.#transport.deleteJob(job.id);
    for (const id of mine) await this.#transport.deleteKeyset(id);
  }

  secret(master: Uint8Array): SecretKey {
    return SecretKey.fromMaster(this.#session.context, master);
  }

  close(reason: unknown = new Stopped('the connection was closed')): void {
    this.#closing.abort(reason);
    this.#session.close();
  }

  async #answered(asker: Asker, owner: Owner, submitted: Submitted, options: SessionOptions): Promise<PrivateReply> {
    try {
      const { answers, ...bytes } = await this.#session.answer(owner, submitted, options);
      await this.#options.vault.dropQuestion(asker.owned, submitted.job);
      const { manifest, documents } = this.#session.client;
      return { answer: answers[0]!, classes: manifest.model.classes, documents, ...bytes };
    } catch (error) {
      // Nobody asks again for what was stopped, refused or judged; what the line broke off is still to be had.
      if (!isLineBroken(error))
        await this.#options.vault.dropQuestion(asker.owned, submitted.job).catch(() => {});
      throw error;
    }
  } // biome-ignore format: one line

  /** In a lock for all tabs. */
  async #keysMade({ owned, signal, progress }: Asker, owner: Owner & { memory: { written(): Promise<void> } }, options: SessionOptions): Promise<void> {
    progress({ what: 'waiting', done: 0, total: 1 });
    await navigator.locks.request(keysLock(owned), { signal }, async () => {
      await this.#session.ensureKeys(owner, options);
      await owner.memory.written();
    });
  } // biome-ignore format: one line

  /** With a secret key that ends with `act`; a stop ends it, on the line too. */
  async #watched<T>(asker: Asker, act: (owner: Owner & { memory: { written(): Promise<void> } }, options: SessionOptions) => Promise<T>): Promise<T> {
    const { vault, allowMore, allowChange, maxKeyBytes } = this.#options;
    const { owned, signal, progress } = asker;
    const stop = () => this.#closing.abort(signal.reason);
    signal.addEventListener('abort', stop);
    try {
      signal.throwIfAborted();
      using secret = this.secret(asker.master);
      const memory = await vault.memory(owned, secret.id);
      const owner = { secret, memory, programs: vault.programs(owned), ledger: vault.ledger(owned, secret.id), allowMore };
      const agree = async (bytes: number) => checkKeyBytes(bytes, maxKeyBytes);
      const agreeChange = async (change: ProgramChange) => {
        if (!(await allowChange(change))) throw new ProgramChanged(change);
      };
      return await act(owner, { signal, progress, agree, agreeChange });
    } finally {
      signal.removeEventListener('abort', stop);
    }
  } // biome-ignore format: one line
}

/** An answer with what reading its scores needs. */
export interface PrivateReply extends Omit<Reply, 'answers'> {
  readonly answer: PrivateAnswer;
  readonly classes: readonly string[] | undefined;
  /** Of a search. */
  readonly documents: readonly string[] | undefined;
}

const sizesOf = ({ channels, height, width }: { channels: number; height: number; width: number }) => ({
  ...{ channels, height, width },
});

const isLineBroken = (error: unknown) => error instanceof CipherformerError && error.code === 'connection-lost';

/** Holds a lock while `act` runs. */
function holding<T>(name: string, act: () => Promise<T>): Promise<T> {
  return navigator.locks.request(name, act) as Promise<T>;
}

async function inputOf(question: Question): Promise<ModelInput> {
  if (!('picture' in question)) return question;
  const { picture } = question;
  const bytes = picture instanceof Uint8Array ? picture : new Uint8Array(await picture.arrayBuffer());
  return { picture: await (await pictureDecoder())(bytes, 'The picture') };
}
