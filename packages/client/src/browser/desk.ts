import { UsageError } from '@cipherformer/base';
import { randomSeed, type SecurityOptions } from '@cipherformer/ckks';
import { outOfRangeStep } from '@cipherformer/runtime/client';
import type { HttpOptions } from '../http.ts';
import type { Program } from '../protocol.ts';
import { Transport } from '../transport.ts';
import { failureOf, KeyDeleted } from './failure.ts';
import type {
  AllowAbout,
  AnswerNews,
  CallName,
  Calls,
  Gives,
  News,
  Order,
  PendingQuestion,
  ProgramListing,
  Score,
} from './messages.ts';
import { untilOnline } from './online.ts';
import { openMaster, sealMaster } from './sealing.ts';
import { type Asker, type PrivateReply, Seat, Stopped } from './seat.ts';
import { type StoredOwner, Vault } from './vault.ts';

// Everything with the secret key, in a worker. Pages give orders and hear news; they are never given the key. The worker fetches
// it from the browser's storage by itself, and each copy is erased after its use.

/** Tells the other tabs that a key is deleted. */
const channelName = 'cipherformer-owner';
/** Answers whose scores can still be asked for. */
const maxAnswers = 32;

/** The side of a worker that this needs. */
export interface DeskPort {
  postMessage(news: News): void;
  addEventListener(type: 'message', listener: (event: MessageEvent<Order>) => void): void;
}

/** Takes a page's orders. */
export function serveDesk(port: DeskPort, security: SecurityOptions = {}): void {
  const desk = new Desk((news) => port.postMessage(news), security);
  port.addEventListener('message', ({ data }) => void desk.take(data));
}

/** What every call is given beside its own. */
interface Call {
  readonly signal: AbortSignal;
  readonly progress: Asker['progress'];
}

type Handlers = {
  readonly [Name in CallName]: (given: Parameters<Calls[Name]>[0], call: Call) => Promise<Gives<Name>>;
};

const listingOf = ({ digest, summary: { name, task, documents } }: Program): ProgramListing => ({
  digest,
  name: String(name ?? 'a program without a name'),
  task: String(task ?? ''),
  ...(typeof documents === 'number' ? { documents } : {}),
});

class Desk {
  readonly #tell: (news: News) => void;
  readonly #security: SecurityOptions;
  #channel: BroadcastChannel | undefined;
  readonly #running = new Map<number, AbortController>();
  readonly #seats = new Map<string, Promise<Seat>>();
  readonly #answers = new Map<number, Omit<PrivateReply, 'requestBytes' | 'resultBytes'>>();
  readonly #allowing = new Map<number, (yes: boolean) => void>();
  #numbers = 0;
  #service = '';
  #vault: Vault | undefined;
  #passphrase: string | undefined;
  readonly #maxKeyBytes = new Map<string, number>();

  constructor(tell: (news: News) => void, security: SecurityOptions) {
    this.#tell = tell;
    this.#security = security;
  }

  async take(order: Order): Promise<void> {
    if (order.type === 'stop') this.#running.get(order.call)?.abort(new Stopped('stopped'));
    else if (order.type === 'allow') this.#allowing.get(order.question)?.(order.yes);
    else await this.#answer(order.call, order.name, order.given);
  }

  async #answer(call: number, name: CallName, given: unknown): Promise<void> {
    const controller = new AbortController();
    this.#running.set(call, controller);
    const { signal } = controller;
    try {
      const handler = this.#handlers[name] as (given: unknown, call: Call) => Promise<unknown>;
      const progress: Call['progress'] = (now) => this.#tell({ type: 'progress', call, progress: now });
      this.#tell({ type: 'done', call, value: await handler(given, { signal, progress }) });
    } catch (error) {
      this.#tell({ type: 'failed', call, failure: failureOf(signal.aborted ? signal.reason : error) });
    } finally {
      this.#running.delete(call);
    }
  }

  readonly #handlers: Handlers = {
    open: async ({ service, token, passphrase }) => {
      this.#service = service;
      this.#passphrase = passphrase;
      this.#vault = await Vault.open(service);
      // After it: a browser that keeps nothing for this page may refuse a channel, too.
      this.#channel ??= new BroadcastChannel(channelName);
      this.#channel.onmessage = ({ data }) => {
        if (data === this.#service) this.#forgotten();
      };
      if (token !== undefined) await this.#vault.tokens().keep(token);
      const programs = await new Transport(service, this.#http).programs();
      return programs.map(listingOf);
    },
    program: async ({ program, maxKeyBytes }) => {
      if (maxKeyBytes !== undefined) this.#maxKeyBytes.set(program, maxKeyBytes);
      return this.#seated(program, async (seat) => seat.facts);
    },
    keys: ({ program }) =>
      this.#seated(program, async (seat) => {
        const owned = await this.#open().owner();
        return owned === undefined ? 'nothing' : this.#withMaster(owned, (master) => seat.keys(master));
      }),
    makeKeys: async ({ program }, call) => {
      await this.#asking(program, call, (seat, asker) => seat.makeKeys(asker));
      return undefined;
    },
    ask: async ({ program, question }, call) =>
      this.#noted(await this.#asking(program, call, (seat, asker) => seat.ask(asker, question))),
    pending: async () => {
      const owned = await this.#open().owner();
      const questions = owned === undefined ? [] : await this.#open().questions(owned);
      return questions.map(({ submitted: { job }, program, asked }): PendingQuestion => ({ job, program, asked }));
    },
    resume: async ({ job }, call) => {
      const owned = await this.#open().owner();
      const question = owned && (await this.#open().questions(owned)).find(({ submitted }) => submitted.job === job);
      if (question === undefined) throw new UsageError('this question is not out any more: its answer was read, or it was stopped');
      return this.#noted(await this.#asking(question.program, call, (seat, asker) => seat.resume(asker, question)));
    },
    reveal: async ({ answer }) => {
      const found = this.#answers.get(answer);
      if (found === undefined) throw new UsageError('the scores of this answer are gone: ask again');
      const { logits, scores } = found.answer.reveal();
      const { documents, classes } = found;
      return Array.from(documents ? logits : scores, (score, k): Score => ({ label: (documents ?? classes)?.[k] ?? `${k}`, score }));
    },
    hasSecret: async () => (await this.#open().owner()) !== undefined,
    sealSecret: async ({ passphrase }) => {
      const owned = (await this.#open().owner()) ?? (await this.#newOwner());
      const sealed = await this.#withMaster(owned, (master) => sealMaster(master, this.#service, passphrase));
      await this.#open().resealOwner({ name: owned.name, sealed });
      this.#passphrase = passphrase;
      return undefined;
    },
    isSealed: async () => (await this.#open().owner())?.sealed.passphrase !== undefined,
    exportSecret: async ({ passphrase }) => {
      const vault = this.#open();
      const owned = await vault.owner();
      if (owned === undefined) throw new KeyDeleted();
      const { writeSecretExport } = await import('./secret-export.ts');
      const [token, verdicts] = [await vault.tokens().get(), await vault.verdicts(owned)];
      return this.#withMaster(owned, (master) =>
        writeSecretExport({ master, service: this.#service, token, verdicts }, passphrase),
      );
    },
    importSecret: async ({ file, passphrase, seal }) => {
      const { readSecretExport, ExportError } = await import('./secret-export.ts');
      const { master, service, token, verdicts } = await readSecretExport(file, passphrase);
      try {
        if (service !== this.#service) throw new ExportError(`the exported secret key is for ${service}, not for this service`);
        const name = crypto.randomUUID();
        const sealed = await sealMaster(master, this.#service, seal);
        await this.#open().replaceOwner({ name, sealed }, verdicts, token);
        this.#passphrase = seal;
      } finally {
        master.fill(0);
      }
      this.#channel!.postMessage(this.#service);
      this.#leaveSeats(new KeyDeleted());
      return undefined;
    },
    deleteSecret: async () => {
      const vault = this.#open();
      const owned = await vault.owner();
      if (owned === undefined) return { leftAtService: false };
      // The master is read for the service's sake; the key goes first, so that it is gone whatever becomes of the rest.
      const master = await openMaster(owned.sealed, this.#service, this.#passphrase).catch(() => undefined);
      await vault.forget();
      this.#answers.clear();
      this.#channel!.postMessage(this.#service);
      try {
        return { leftAtService: master === undefined || !(await this.#deletedAtService(master)) };
      } finally {
        master?.fill(0);
      }
    },
  }; // biome-ignore format: one line each

  /** Whether nothing is left there: key sets of every program that this service lists. */
  async #deletedAtService(master: Uint8Array): Promise<boolean> {
    try {
      const programs = await new Transport(this.#service, this.#http).programs();
      for (const { digest } of programs) await this.#seated(digest, (seat) => seat.forget(master));
      return true;
    } catch {
      return false;
    }
  }

  #open(): Vault {
    return this.#vault!;
  }

  get #http(): HttpOptions {
    return { tokens: this.#open().tokens(), retry: { ready: (signal) => untilOnline(this.#service, signal) } };
  }

  /** With the seat of a program, which is thrown away after a failure: the next call begins with a new line and new kernels. */
  async #seated<T>(program: string, act: (seat: Seat) => Promise<T>): Promise<T> {
    const found = this.#seats.get(program) ?? this.#takeSeat(program);
    try {
      return await act(await found);
    } catch (error) {
      if (this.#seats.get(program) === found) this.#seats.delete(program);
      void found.then((seat) => seat.close(error)).catch(() => {});
      throw error;
    }
  }

  #takeSeat(program: string): Promise<Seat> {
    const seat = Seat.open({
      ...{ service: this.#service, program, http: this.#http, vault: this.#open(), security: this.#security },
      maxKeyBytes: this.#maxKeyBytes.get(program),
      allowMore: (counts) => this.#allowed({ what: 'more', counts, step: outOfRangeStep }),
      allowChange: (change) => this.#allowed({ what: 'change', change }),
    });
    this.#seats.set(program, seat);
    return seat;
  }

  /** With the owner, who is made with the first question. */
  #asking<T>(program: string, call: Call, act: (seat: Seat, asker: Asker) => Promise<T>): Promise<T> {
    return this.#seated(program, async (seat) => {
      const owned = (await this.#open().owner()) ?? (await this.#newOwner());
      return this.#withMaster(owned, (master) => act(seat, { owned, master, ...call }));
    });
  }

  async #newOwner(): Promise<StoredOwner> {
    const master = randomSeed();
    try {
      const sealed = await sealMaster(master, this.#service, this.#passphrase);
      // Another tab may have been quicker: then its owner is ours.
      return await this.#open().keepOwner({ name: crypto.randomUUID(), sealed });
    } finally {
      master.fill(0);
    }
  }

  async #withMaster<T>({ sealed }: StoredOwner, act: (master: Uint8Array<ArrayBuffer>) => Promise<T>): Promise<T> {
    const master = await openMaster(sealed, this.#service, this.#passphrase);
    try {
      return await act(master);
    } finally {
      master.fill(0);
    }
  }

  #noted({ requestBytes, resultBytes, ...reply }: PrivateReply): AnswerNews {
    const id = ++this.#numbers;
    this.#answers.set(id, reply);
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > maxAnswers) this.#answers.delete(oldest!);
    const { answer, documents } = reply;
    const { label, reason } = answer;
    return {
      id,
      // Of documents the answer knows the number.
      ...(label === undefined ? {} : { label: documents?.[Number(label)] ?? label }),
      ...(reason === undefined ? {} : { reason }),
      ...{ requestBytes, resultBytes },
    };
  }

  /** Asks the owner by the page. */
  #allowed(about: AllowAbout): Promise<boolean> {
    const question = ++this.#numbers;
    this.#tell({ type: 'allow?', question, about });
    return new Promise((resolve) => {
      this.#allowing.set(question, (yes) => {
        this.#allowing.delete(question);
        resolve(yes);
      });
    });
  }

  #forgotten(): void {
    this.#answers.clear();
    this.#leaveSeats(new KeyDeleted());
    this.#tell({ type: 'deleted' });
  }

  /** Ends what is under way. */
  #leaveSeats(reason: KeyDeleted): void {
    for (const controller of this.#running.values()) controller.abort(reason);
  }
}
