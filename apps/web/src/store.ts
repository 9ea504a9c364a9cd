import { CipherformerError } from '@cipherformer/base';
import type { TokenStore } from '@cipherformer/client';
import {
  noVerdicts,
  type PartMemory,
  type VerdictCounts,
  type VerdictEntry,
  type VerdictLedger,
  withEntry,
} from '@cipherformer/runtime/client';

// What an owner keeps in this browser, in IndexedDB: one 32-byte master, and for each secret key made of it (one for each set
// of parameters) the digests of its parts and the counts of its verdicts. Tabs share it.

const database = 'cipherformer';
const version = 1;
/** One record, under this name. */
const only = 'owner';
const tokenName = 'token';

/** The owner's key was deleted, here or in another tab. */
export class KeyDeleted extends CipherformerError {
  override readonly name = 'KeyDeleted';
  override readonly code = 'key-deleted';

  constructor() {
    super('the secret key was deleted');
  }
}

/** The master, and a name that no other will ever have. */
export interface StoredOwner {
  readonly name: string;
  readonly master: Uint8Array<ArrayBuffer>;
}

/** A memory of parts in the browser's storage; `written` resolves when nothing is under way. */
export interface StoredPartMemory extends PartMemory {
  /** Parts that it knows. */
  readonly size: number;
  written(): Promise<void>;
}

export class OwnerStore {
  readonly #db: IDBDatabase;

  private constructor(db: IDBDatabase) {
    this.#db = db;
  }

  /** Rejects with a DOMException where the browser keeps nothing for this page. */
  static async open(): Promise<OwnerStore> {
    const request = indexedDB.open(database, version);
    request.onupgradeneeded = () => {
      for (const store of ['owner', 'parts', 'verdicts']) request.result.createObjectStore(store);
    };
    const db = await resultOf(request);
    // A later release in another tab must not wait for this one.
    db.onversionchange = () => db.close();
    return new OwnerStore(db);
  }

  async owner(): Promise<StoredOwner | undefined> {
    return resultOf(
      this.#db.transaction('owner').objectStore('owner').get(only) as IDBRequest<StoredOwner | undefined>,
    );
  }

  /** Keeps a new master, unless there is one: then that one stays. @returns the one that is kept, when it is on the disk */
  async keepOwner(master: Uint8Array<ArrayBuffer>): Promise<StoredOwner> {
    const transaction = this.#write('owner');
    const store = transaction.objectStore('owner');
    const there = await resultOf(store.get(only) as IDBRequest<StoredOwner | undefined>);
    const owner = there ?? { name: crypto.randomUUID(), master };
    if (there === undefined) store.put(owner, only);
    await done(transaction);
    return owner;
  }

  /** The token of the service that gave this page. */
  tokens(): TokenStore {
    return {
      get: () => resultOf(this.#db.transaction('owner').objectStore('owner').get(tokenName) as IDBRequest<string | undefined>),
      keep: async (token) => {
        const transaction = this.#write('owner');
        transaction.objectStore('owner').put(token, tokenName);
        await done(transaction);
      },
    };
  } // biome-ignore format: a line each

  /** Digests of the parts of a secret key. What could not be written is made again another time. */
  async memory(owner: StoredOwner, key: string): Promise<StoredPartMemory> {
    const range = IDBKeyRange.bound([owner.name, key], [owner.name, key, []]);
    const store = this.#db.transaction('parts').objectStore('parts');
    const [names, digests] = await Promise.all([resultOf(store.getAllKeys(range)), resultOf(store.getAll(range))]);
    const known = new Map(names.map((name, i) => [(name as string[])[2]!, digests[i] as string]));
    let writing: Promise<unknown> = Promise.resolve();
    const put = async (part: string, digest: string) => {
      const transaction = this.#db.transaction('parts', 'readwrite', { durability: 'relaxed' });
      transaction.objectStore('parts').put(digest, [owner.name, key, part]);
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
        resultOf(transaction.objectStore('owner').get(only) as IDBRequest<StoredOwner | undefined>),
        resultOf(transaction.objectStore('verdicts').get(place) as IDBRequest<VerdictCounts | undefined>),
      ]);
      // Counts go with their key: without them nothing is shown.
      if (there?.name !== owner.name) throw new KeyDeleted();
      return counted ?? noVerdicts;
    };
    return {
      load: () => counts(this.#db.transaction(['owner', 'verdicts'])),
      record: async (entry: VerdictEntry) => {
        const transaction = this.#write('owner', 'verdicts');
        const now = withEntry(await counts(transaction), entry);
        transaction.objectStore('verdicts').put(now, place);
        await done(transaction);
        return now;
      },
    };
  }

  /** Forgets the master and all that belongs to it, for good. The token stays: with it the keys at the service are removed. */
  async forget(): Promise<void> {
    const transaction = this.#write('owner', 'parts', 'verdicts');
    transaction.objectStore('owner').delete(only);
    for (const store of ['parts', 'verdicts']) transaction.objectStore(store).clear();
    await done(transaction);
  }

  close(): void {
    this.#db.close();
  }

  /** On the disk when it is done, as far as a browser can promise. */
  #write(...stores: string[]): IDBTransaction {
    return this.#db.transaction(stores, 'readwrite', { durability: 'strict' });
  }
}

function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function done(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
    transaction.onerror = () => reject(transaction.error);
  });
}
