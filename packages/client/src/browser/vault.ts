import {
  higherCounts,
  noVerdicts,
  type PartMemory,
  type VerdictCounts,
  type VerdictEntry,
  type VerdictLedger,
  withEntry,
} from '@cipherformer/runtime/client';
import type { SeenProgram } from '../errors.ts';
import type { ProgramMemory } from '../programs-seen.ts';
import type { Submitted } from '../session.ts';
import type { TokenStore } from '../tokens.ts';
import { BrowserStorageError, KeyDeleted } from './failure.ts';
import type { SealedMaster } from './sealing.ts';

// What an owner keeps in this browser, in IndexedDB: for each service a sealed master and a token; for each secret key made of
// it (one for each set of parameters) the digests of its parts and the counts of its verdicts; the questions that are out; the
// programs that it was used with.
// Tabs share it. There is no master for all services: two could tell by the keys that they serve the same person.

const database = 'cipherformer';
/** 1 was the page's alone, with a master that was not sealed; 2 remembered no programs. */
const version = 3;
const stores = ['owners', 'tokens', 'parts', 'verdicts', 'pending', 'programs'] as const;
type StoreName = (typeof stores)[number];

/** A sealed master, and a name that no other will ever have. */
export interface StoredOwner {
  readonly name: string;
  readonly sealed: SealedMaster;
}

/** A question that is at a service. */
export interface StoredQuestion {
  readonly program: string;
  readonly submitted: Submitted;
  /** In milliseconds since 1970. */
  readonly asked: number;
}

/** A memory of parts in the browser's storage; `written` resolves when nothing is under way. */
export interface StoredPartMemory extends PartMemory {
  /** Parts that it knows. */
  readonly size: number;
  written(): Promise<void>;
}

/** What one service's owner keeps. @throws BrowserStorageError from every method, where the browser keeps nothing (more) */
export class Vault {
  readonly #db: IDBDatabase;
  readonly #service: string;

  private constructor(db: IDBDatabase, service: string) {
    this.#db = db;
    this.#service = service;
  }

  /** @throws BrowserStorageError where the browser keeps nothing for this page */
  static async open(service: string): Promise<Vault> {
    try {
      const request = indexedDB.open(database, version);
      request.onupgradeneeded = ({ oldVersion }) => {
        const { result: db } = request;
        if (oldVersion < 2) for (const store of Array.from(db.objectStoreNames)) db.deleteObjectStore(store);
        for (const store of stores) if (!db.objectStoreNames.contains(store)) db.createObjectStore(store);
      };
      const db = await resultOf(request);
      // A later release in another tab must not wait for this one.
      db.onversionchange = () => db.close();
      return new Vault(db, service);
    } catch (error) {
      throw unkept(error);
    }
  }

  async owner(): Promise<StoredOwner | undefined> {
    return this.#get('owners', this.#service);
  }

  /** Keeps a new owner, unless there is one: then that one stays. @returns the one that is kept, when it is on the disk */
  keepOwner(owner: StoredOwner): Promise<StoredOwner> {
    return this.#write(['owners'], async (transaction) => {
      const store = transaction.objectStore('owners');
      const there = await resultOf(store.get(this.#service) as IDBRequest<StoredOwner | undefined>);
      if (there === undefined) store.put(owner, this.#service);
      return there ?? owner;
    });
  }

  /** Keeps an owner's master under another seal. @throws KeyDeleted where another owner is there, or none */
  async resealOwner({ name, sealed }: StoredOwner): Promise<void> {
    await this.#write(['owners'], async (transaction) => {
      const store = transaction.objectStore('owners');
      const there = await resultOf(store.get(this.#service) as IDBRequest<StoredOwner | undefined>);
      if (there?.name !== name) throw new KeyDeleted();
      store.put({ name, sealed } satisfies StoredOwner, this.#service);
    });
  }

  /**
   * Puts an owner in the place of the one that is there, with its counts and its token. What was counted here stays counted: the
   * owner may be the same one, of an export that is older than its counts.
   */
  async replaceOwner(owner: StoredOwner, verdicts: Iterable<readonly [string, VerdictCounts]>, token?: string): Promise<void> {
    await this.#write(['owners', 'tokens', 'parts', 'verdicts', 'pending', 'programs'], async (transaction) => {
      const there = transaction.objectStore('owners').get(this.#service) as IDBRequest<StoredOwner | undefined>;
      const before = await resultOf(there);
      const counted = new Map(before === undefined ? [] : await countsOf(transaction, before.name));
      if (before !== undefined) eraseOwner(transaction, before.name);
      transaction.objectStore('owners').put(owner, this.#service);
      if (token !== undefined) transaction.objectStore('tokens').put(token, this.#service);
      for (const [key, counts] of verdicts) counted.set(key, higherCounts(counts, counted.get(key) ?? noVerdicts));
      for (const [key, counts] of counted) transaction.objectStore('verdicts').put(counts, [owner.name, key]);
    });
  } // biome-ignore format: one line

  /** Forgets the owner and all that is theirs, for good. The token stays: with it the keys at the service are removed. */
  async forget(): Promise<void> {
    const owner = await this.owner();
    if (owner === undefined) return;
    await this.#write(['owners', 'parts', 'verdicts', 'pending', 'programs'], async (transaction) => {
      transaction.objectStore('owners').delete(this.#service);
      eraseOwner(transaction, owner.name);
    });
  }

  tokens(): TokenStore {
    return {
      get: () => this.#get<string>('tokens', this.#service),
      keep: (token) =>
        this.#write(['tokens'], async (transaction) => {
          transaction.objectStore('tokens').put(token, this.#service);
        }),
    };
  }

  /** Digests of the parts of a secret key. What could not be written is made again another time. */
  async memory({ name }: StoredOwner, key: string): Promise<StoredPartMemory> {
    const range = below([name, key]);
    const store = this.#db.transaction('parts').objectStore('parts');
    const [names, digests] = await Promise.all([resultOf(store.getAllKeys(range)), resultOf(store.getAll(range))]);
    const known = new Map(names.map((place, i) => [(place as string[])[2]!, digests[i] as string]));
    let writing: Promise<unknown> = Promise.resolve();
    const put = async (part: string, digest: string) => {
      const transaction = this.#db.transaction('parts', 'readwrite', { durability: 'relaxed' });
      transaction.objectStore('parts').put(digest, [name, key, part]);
      await done(transaction);
    };
    return {
      get size() {
        return known.size;
      },
      get: (part) => known.get(part),
      set: (part, digest) => {
        if (known.get(part) === digest) return;
        known.set(part, digest);
        writing = Promise.allSettled([writing, put(part, digest)]);
      },
      written: async () => {
        await writing;
      },
    };
  }

  /** The counts of a secret key. A transaction for each entry: tabs that count at the same time lose none. */
  ledger(owner: StoredOwner, key: string): VerdictLedger {
    const place = [owner.name, key];
    const counts = async (transaction: IDBTransaction): Promise<VerdictCounts> => {
      const [there, counted] = await Promise.all([
        resultOf(transaction.objectStore('owners').get(this.#service) as IDBRequest<StoredOwner | undefined>),
        resultOf(transaction.objectStore('verdicts').get(place) as IDBRequest<VerdictCounts | undefined>),
      ]);
      // Counts go with their key: without them nothing is shown.
      if (there?.name !== owner.name) throw new KeyDeleted();
      return counted ?? noVerdicts;
    };
    return {
      load: () => counts(this.#db.transaction(['owners', 'verdicts'])),
      record: (entry: VerdictEntry) =>
        this.#write(['owners', 'verdicts'], async (transaction) => {
          const now = withEntry(await counts(transaction), entry);
          transaction.objectStore('verdicts').put(now, place);
          return now;
        }),
    };
  }

  /** All counts of an owner, by secret key. */
  verdicts({ name }: StoredOwner): Promise<[string, VerdictCounts][]> {
    return countsOf(this.#db.transaction('verdicts'), name);
  }

  /** The programs that an owner was used with, by name. */
  programs({ name: owner }: StoredOwner): ProgramMemory {
    return {
      get: async (name) => (await this.#get<readonly SeenProgram[]>('programs', [owner, name])) ?? [],
      keep: (name, programs) =>
        this.#write(['programs'], async (transaction) => {
          transaction.objectStore('programs').put(programs, [owner, name]);
        }),
    };
  }

  /** The questions of an owner that are out, oldest first. */
  async questions({ name }: StoredOwner): Promise<StoredQuestion[]> {
    const all = await resultOf(
      this.#db
        .transaction('pending')
        .objectStore('pending')
        .getAll(below([name])),
    );
    return (all as StoredQuestion[]).sort((a, b) => a.asked - b.asked);
  }

  keepQuestion({ name }: StoredOwner, question: StoredQuestion): Promise<void> {
    return this.#write(['pending'], async (transaction) => {
      transaction.objectStore('pending').put(question, [name, question.submitted.job]);
    });
  }

  dropQuestion({ name }: StoredOwner, job: string): Promise<void> {
    return this.#write(['pending'], async (transaction) => {
      transaction.objectStore('pending').delete([name, job]);
    });
  }

  async #get<T>(store: StoreName, key: IDBValidKey): Promise<T | undefined> {
    return resultOf(this.#db.transaction(store).objectStore(store).get(key) as IDBRequest<T | undefined>);
  }

  /** On the disk when it resolves, as far as a browser can promise; nothing of it where it rejects. */
  async #write<T>(names: StoreName[], act: (transaction: IDBTransaction) => Promise<T>): Promise<T> {
    let transaction: IDBTransaction;
    try {
      transaction = this.#db.transaction(names, 'readwrite', { durability: 'strict' });
    } catch (error) {
      throw unkept(error);
    }
    const committed = done(transaction);
    // Where `act` rejects, its own error is told.
    committed.catch(() => {});
    try {
      const result = await act(transaction);
      await committed;
      return result;
    } catch (error) {
      // A browser that cannot keep what was put, such as a sealing key in a private window.
      throw error instanceof DOMException ? unkept(error) : error;
    }
  }
}

async function countsOf(transaction: IDBTransaction, owner: string): Promise<[string, VerdictCounts][]> {
  const store = transaction.objectStore('verdicts');
  const range = below([owner]);
  const [places, counts] = await Promise.all([resultOf(store.getAllKeys(range)), resultOf(store.getAll(range))]);
  return places.map((place, i) => [(place as string[])[1]!, counts[i] as VerdictCounts]);
}

function eraseOwner(transaction: IDBTransaction, name: string): void {
  for (const store of ['parts', 'verdicts', 'pending', 'programs'] as const)
    transaction.objectStore(store).delete(below([name]));
}

/** Every key of an array that begins so: arrays come after all that IndexedDB sorts before them. */
const below = (start: readonly string[]) => IDBKeyRange.bound([...start], [...start, []]);

function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(unkept(request.error));
  });
}

function done(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(unkept(transaction.error));
    transaction.onerror = () => reject(unkept(transaction.error));
  });
}

function unkept(cause: unknown): BrowserStorageError {
  if (cause instanceof BrowserStorageError) return cause;
  const full = cause instanceof DOMException && cause.name === 'QuotaExceededError';
  return full
    ? new BrowserStorageError('the browser’s storage for this page is full', {
        hint: 'free space on the disk, or delete data of other sites; nothing was lost',
        cause,
      })
    : new BrowserStorageError('the browser keeps nothing for this page', {
        hint: 'leave the private window, or allow this site to store data',
        cause,
      });
}
