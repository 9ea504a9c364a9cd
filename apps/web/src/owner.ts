import { CipherformerError } from '@cipherformer/base';
import { randomSeed, SecretKey, type SecurityOptions } from '@cipherformer/ckks';
import { type Job, type Owner, ServiceSession, type TokenStore, Transport } from '@cipherformer/client';
import { outOfRangeStep, type PrivateAnswer, type VerdictCounts } from '@cipherformer/runtime/client';
import type { Facts, News, Order, QuestionProgress } from './messages.ts';
import { KeyDeleted, OwnerStore, type StoredOwner } from './store.ts';
import { problemOf } from './words.ts';

// Everything with the secret key, in the page's worker.

/** Tabs make the owner's keys one after the other: the second finds them made. */
const lock = 'cipherformer-keys';
/** Tells the other tabs that the key is deleted. */
const channelName = 'cipherformer-owner';

/** The side of a worker that this needs. */
export interface OwnerPort {
  postMessage(news: News): void;
  addEventListener(type: 'message', listener: (event: MessageEvent<Order>) => void): void;
}

/** Takes the page's orders. */
export function serveOwner(port: OwnerPort, security: SecurityOptions = {}): void {
  const owner = new OwnerDesk((news) => port.postMessage(news), security);
  port.addEventListener('message', ({ data }) => owner.take(data));
}

/** What the owner stops, not a failure. */
class Stopped extends CipherformerError {
  override readonly name = 'Stopped';
  override readonly code = 'interrupted';
}

/**
 * Bytes of an empty buffer that is made and dropped after each part that was sent. It is never touched and takes no memory,
 * but Chromium counts it, and collects sooner the buffers and copies of earlier parts. Measured for 2.3 GiB of keys: the
 * tab's peak is 376 MiB, without it 470 to 600.
 */
const pressureBytes = 32 * 2 ** 20;

/** Remembers the job that it submitted: stopping cancels it. Keeps the memory of what was sent low. */
class OwnerTransport extends Transport {
  submitted: string | undefined;

  override async submit(...question: Parameters<Transport['submit']>): Promise<Job> {
    const job = await super.submit(...question);
    this.submitted = job.id;
    return job;
  }

  override async putPart(...part: Parameters<Transport['putPart']>): Promise<void> {
    await super.putPart(...part);
    new ArrayBuffer(pressureBytes);
  }
}

interface Connection {
  readonly transport: OwnerTransport;
  readonly session: ServiceSession;
}

class OwnerDesk {
  readonly #tell: (news: News) => void;
  readonly #security: SecurityOptions;
  readonly #channel = new BroadcastChannel(channelName);
  #service = '';
  #store: OwnerStore | undefined;
  #connection: Connection | undefined;
  /** Ends what the connection does. */
  #stop = new AbortController();
  #busy = false;
  #last: { readonly answer: PrivateAnswer; readonly classes: readonly string[] | undefined } | undefined;
  #allow: ((yes: boolean) => void) | undefined;

  constructor(tell: (news: News) => void, security: SecurityOptions) {
    this.#tell = tell;
    this.#security = security;
    this.#channel.onmessage = () => this.#deletedElsewhere();
  }

  take(order: Order): void {
    switch (order.type) {
      case 'open':
        this.#service = order.service;
        void this.#guarded(() => this.#open());
        break;
      case 'ask':
        void this.#guarded(() => this.#ask(order.pixels));
        break;
      case 'forget':
        void this.#guarded(() => this.#forget());
        break;
      case 'stop':
        // The answer may have been quicker: what comes next is not to be stopped.
        if (this.#busy) this.#stop.abort(new Stopped('stopped'));
        break;
      case 'allow':
        this.#allow?.(order.yes);
        break;
      case 'reveal':
        this.#reveal();
    }
  }

  /** One order at a time. After whatever failed the next one begins with a new connection and new kernels. */
  async #guarded(act: () => Promise<void>): Promise<void> {
    this.#busy = true;
    try {
      await act();
      // Stopped too late: the signal of this connection has ended.
      if (this.#stop.signal.aborted) this.#disconnect();
    } catch (error) {
      const job = this.#connection?.transport.submitted;
      this.#disconnect();
      if (!(error instanceof Stopped)) {
        this.#tell({ type: 'failed', problem: problemOf(error) });
        return;
      }
      // The service should not compute for nobody; where it does not hear of it, it does.
      if (job !== undefined)
        await new Transport(this.#service, { tokens: await this.#tokens() }).deleteJob(job).catch(() => {});
      this.#tell({ type: 'stopped' });
    } finally {
      this.#busy = false;
    }
  }

  async #open(): Promise<void> {
    const { session, transport } = await this.#connect();
    const owned = await (await this.#opened()).owner();
    this.#tell({ type: 'ready', facts: await factsOf(session, transport, owned) });
  }

  async #ask(pixels: Uint8Array): Promise<void> {
    this.#last = undefined;
    this.#tell({ type: 'progress', what: 'waiting', done: 0, total: 1 });
    const { session, transport } = await this.#connect();
    transport.submitted = undefined;
    const { signal } = this.#stop;
    const progress = (now: QuestionProgress) => this.#tell({ type: 'progress', ...now });
    const store = await this.#opened();
    const owned = await store.keepOwner(randomSeed());
    using secret = SecretKey.fromMaster(session.context, owned.master);
    const owner = await navigator.locks.request(lock, { signal }, async (): Promise<Owner> => {
      // Read when the lock is ours: another tab may have made parts until now.
      const memory = await store.memory(owned, secret.id);
      const ledger = store.ledger(owned, secret.id);
      const owner = { secret, memory, ledger, allowMore: (counts: VerdictCounts) => this.#mayGoOn(counts) };
      await session.ensureKeys(owner, { signal, progress });
      await memory.written();
      return owner;
    });
    const { answers, requestBytes, resultBytes } = await session.ask(owner, [{ pixels }], { signal, progress });
    const answer = answers[0]!;
    this.#last = { answer, classes: session.client.manifest.model.classes };
    const { label, reason } = answer;
    this.#tell({
      type: 'answer',
      answer: {
        ...(label === undefined ? {} : { label }),
        ...(reason === undefined ? {} : { reason }),
        requestBytes,
        resultBytes,
      },
    });
  }

  #reveal(): void {
    if (this.#last === undefined) return;
    const { answer, classes } = this.#last;
    const { scores } = answer.reveal();
    this.#tell({
      type: 'scores',
      scores: Array.from(scores, (score, k) => ({ label: classes?.[k] ?? `${k}`, score })),
    });
  }

  /** The key first, so that it is gone whatever becomes of the rest. */
  async #forget(): Promise<void> {
    this.#last = undefined;
    const store = await this.#opened();
    const owned = await store.owner();
    await store.forget();
    this.#channel.postMessage('deleted');
    let leftAtService = false;
    if (owned !== undefined) {
      leftAtService = await this.#forgetAtService(owned).then(
        () => false,
        () => true,
      );
      owned.master.fill(0);
    }
    this.#tell({ type: 'forgotten', leftAtService });
  }

  /** Cancels what still uses the key sets of this key, and deletes them. */
  async #forgetAtService({ master }: StoredOwner): Promise<void> {
    const { session, transport } = await this.#connect();
    using secret = SecretKey.fromMaster(session.context, master);
    const mine = new Set((await transport.keysets()).filter(({ key }) => key === secret.id).map(({ id }) => id));
    for (const job of await transport.jobs()) if (mine.has(job.keyset)) await transport.deleteJob(job.id);
    for (const id of mine) await transport.deleteKeyset(id);
  }

  #deletedElsewhere(): void {
    this.#last = undefined;
    if (this.#busy) this.#stop.abort(new KeyDeleted());
    this.#tell({ type: 'forgotten', leftAtService: false });
  }

  /** Asks the owner by the page. */
  #mayGoOn({ outOfRange }: VerdictCounts): Promise<boolean> {
    this.#tell({ type: 'question', outOfRange, step: outOfRangeStep });
    return new Promise((resolve) => {
      this.#allow = resolve;
    });
  }

  async #opened(): Promise<OwnerStore> {
    this.#store ??= await OwnerStore.open();
    return this.#store;
  }

  async #tokens(): Promise<TokenStore> {
    return (await this.#opened()).tokens();
  }

  async #connect(): Promise<Connection> {
    if (this.#connection) return this.#connection;
    this.#stop = new AbortController();
    const transport = new OwnerTransport(this.#service, { signal: this.#stop.signal, tokens: await this.#tokens() });
    const session = await ServiceSession.open(transport, this.#security);
    this.#connection = { transport, session };
    return this.#connection;
  }

  #disconnect(): void {
    this.#connection?.session.close();
    this.#connection = undefined;
  }
}

async function factsOf(session: ServiceSession, transport: Transport, owned: StoredOwner | undefined): Promise<Facts> {
  const { manifest, preparation } = session.client;
  const { preprocess } = preparation;
  const drawable =
    preprocess.kind === 'image' &&
    preprocess.patches.channels === 1 &&
    preprocess.patches.height === 28 &&
    preprocess.patches.width === 28;
  return {
    name: manifest.model.name,
    keyBytes: manifest.keys.wireBytes,
    cpuSeconds: manifest.predicted.cpuSeconds,
    keys: owned === undefined ? 'nothing' : await keysAt(session, transport, owned),
    ...(drawable
      ? {}
      : {
          unsuitable:
            'This page draws digits of 28 by 28 pixels, and the program takes something else: ask it with “cipherformer query”.',
        }),
  };
}

async function keysAt(session: ServiceSession, transport: Transport, { master }: StoredOwner): Promise<Facts['keys']> {
  using secret = SecretKey.fromMaster(session.context, master);
  const { plan } = session.program;
  const found = (await transport.keysets()).find((keyset) => keyset.plan === plan && keyset.key === secret.id);
  return found?.state === 'ready' ? 'ready' : 'unfinished';
}
