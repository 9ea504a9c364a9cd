import { Mutex } from '@cipherformer/base';
import type { GeneratedToken, GenerationEnd, ProgramChange } from '@cipherformer/client';
import type { ProgramManifest, VerdictCounts, VerdictEntry } from '@cipherformer/runtime/client';
import type { EncryptedRequest, EvaluationKeyPart } from '../thread/between.ts';
import { type CallOptions, Thread } from '../thread/thread.ts';
import type {
  AskArgument,
  ConnectArgument,
  DecryptArgument,
  GenerationArgument,
  InputsArgument,
  OpenArgument,
  OwnerQuestion,
  PartsArgument,
  SentAnswer,
  SentSecret,
  WriteKeysArgument,
} from './protocol.ts';
import type { Counted, SecretStore } from './secret-store.ts';

/** The compiled file, also when this one runs as source. */
const file = new URL('../../dist/owner/worker.js', import.meta.url);

/** What an owner's thread asks whoever started it. */
export interface OwnerCallbacks {
  readonly allowMore?: ((counts: VerdictCounts) => boolean | Promise<boolean>) | undefined;
  readonly allowKeys?: ((bytes: number) => boolean | Promise<boolean>) | undefined;
  readonly allowChange?: ((change: ProgramChange) => boolean | Promise<boolean>) | undefined;
  readonly notice?: ((text: string) => void | Promise<void>) | undefined;
}

/** Where the secret key is: a path, a store of the caller's, bytes that were exported, or undefined for this process only. */
export type Secret = string | SecretStore | Uint8Array | undefined;

/** Runs the program on a request: the bytes of the result. */
export type Exchange = (request: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>;

/** Clients that share a store count one after another, so that none writes over what another has counted. */
const storeTurns = new WeakMap<SecretStore, Mutex>();

/** An OwnerHost in a thread of its own, from outside: the event loop here stays alive while it works. */
export class OwnerThread {
  readonly #thread: Thread;
  readonly #callbacks: OwnerCallbacks;
  readonly #exchanges = new Map<number, Exchange>();
  #store: SecretStore | undefined;
  #documents: Promise<readonly string[]> | undefined;

  constructor(callbacks: OwnerCallbacks) {
    this.#callbacks = callbacks;
    this.#thread = new Thread(file, (question) => this.#answer(question as OwnerQuestion));
  }

  async open(argument: OpenArgument): Promise<ProgramManifest> {
    return (await this.#thread.call('open', argument)) as ProgramManifest;
  }

  async connect(argument: ConnectArgument, options: CallOptions): Promise<ProgramManifest> {
    return (await this.#thread.call('connect', argument, options)) as ProgramManifest;
  }

  /** What outputs are called: names of classes; of a search the texts of its documents, which the thread reads once. */
  async names({ model }: ProgramManifest): Promise<readonly string[] | undefined> {
    if (model.documents === undefined) return model.classes;
    this.#documents ??= this.#thread.call('documents', undefined) as Promise<readonly string[]>;
    return this.#documents;
  }

  /** Gives the id of the key. Bytes are copied, the copy handed over and erased there. */
  async own(secret: Secret): Promise<string> {
    if (secret === undefined || typeof secret === 'string')
      return (await this.#thread.call('own', secret === undefined ? undefined : ({ file: secret } satisfies SentSecret))) as string; // biome-ignore format: short
    this.#store = secret instanceof Uint8Array ? undefined : secret;
    const kept = secret instanceof Uint8Array ? secret : await secret.load();
    const bytes = kept && new Uint8Array(kept);
    const sent: SentSecret = { bytes, save: this.#store !== undefined };
    return (await this.#thread.call('own', sent, { transfer: bytes ? [bytes.buffer] : [] })) as string;
  }

  async openParts(argument: PartsArgument): Promise<number> {
    return (await this.#thread.call('openParts', argument)) as number;
  }

  async nextPart(number: number, options: CallOptions): Promise<EvaluationKeyPart | undefined> {
    return (await this.#thread.call('nextPart', number, options)) as EvaluationKeyPart | undefined;
  }

  async closeParts(number: number): Promise<void> {
    await this.#thread.call('closeParts', number);
  }

  async writeKeys(argument: WriteKeysArgument, options: CallOptions): Promise<void> {
    await this.#thread.call('writeKeys', argument, options);
  }

  async encrypt(argument: InputsArgument): Promise<EncryptedRequest[]> {
    return (await this.#thread.call('encrypt', argument)) as EncryptedRequest[];
  }

  async decrypt(argument: DecryptArgument): Promise<SentAnswer[]> {
    return (await this.#thread.call('decrypt', argument)) as SentAnswer[];
  }

  async ask(argument: AskArgument, options: CallOptions): Promise<SentAnswer[]> {
    return (await this.#thread.call('ask', argument, options)) as SentAnswer[];
  }

  /**
   * Tokens one by one, each when it is asked for.
   * @param exchange runs the program on a request; a service is asked by the thread itself
   */
  async *generate(
    argument: GenerationArgument,
    options: CallOptions,
    exchange?: Exchange,
  ): AsyncGenerator<GeneratedToken, GenerationEnd> {
    const number = (await this.#thread.call('openGeneration', argument)) as number;
    if (exchange) this.#exchanges.set(number, exchange);
    try {
      for (;;) {
        const next = await this.#thread.call('nextToken', number, options);
        const { done, value } = next as IteratorResult<GeneratedToken, GenerationEnd>;
        if (done) return value;
        yield value;
      }
    } finally {
      this.#exchanges.delete(number);
      // A thread that has ended has let go of it.
      await this.#thread.call('closeGeneration', number).catch(() => {});
    }
  }

  async exportSecret(): Promise<Uint8Array<ArrayBuffer>> {
    return (await this.#thread.call('exportSecret', undefined)) as Uint8Array<ArrayBuffer>;
  }

  /** Has the secret key erased, then ends the thread. */
  async close(): Promise<void> {
    // One that died has nothing to erase.
    await this.#thread.call('close', undefined).catch(() => {});
    await this.#thread.end();
  }

  async #answer(question: OwnerQuestion): Promise<unknown> {
    const { allowMore, allowKeys, allowChange, notice } = this.#callbacks;
    switch (question.what) {
      case 'allow-more':
        return (await allowMore?.(question.counts)) === true;
      case 'allow-keys':
        return (await allowKeys?.(question.bytes)) === true;
      case 'allow-change':
        return (await allowChange?.(question.change)) === true;
      case 'save':
        return this.#store?.save(question.secret);
      case 'count':
        return this.#count(this.#store!, question.entry);
      case 'notice':
        return notice?.(question.text);
      case 'exchange':
        return this.#exchanges.get(question.generation)!(question.request);
    }
  }

  #count(store: SecretStore, entry: VerdictEntry | undefined): Promise<VerdictCounts> {
    const turns = storeTurns.get(store) ?? new Mutex();
    storeTurns.set(store, turns);
    return turns.run(async () => {
      const there = await store.load();
      const kept = there && new Uint8Array(there);
      const transfer = kept ? [kept.buffer] : [];
      const { secret, counts } = (await this.#thread.call('counted', { kept, entry }, { transfer })) as Counted;
      if (secret) await store.save(secret);
      return counts;
    });
  }
}
