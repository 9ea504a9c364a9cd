// The store of a browser, for a test to drive.
import type { VerdictCounts } from '@cipherformer/runtime/client';
import { OwnerStore, type StoredOwner } from '../../src/store.ts';

const store = await OwnerStore.open();
let owner: StoredOwner | undefined = await store.owner();

const probe = {
  /** Keeps a random master, or finds the one that is there. */
  async keep(): Promise<{ name: string; master: number[] }> {
    owner = await store.keepOwner(crypto.getRandomValues(new Uint8Array(32)));
    return { name: owner.name, master: [...owner.master] };
  },

  /** So many of each entry, as fast as they go. */
  async count(times: number, key = 'one key'): Promise<VerdictCounts> {
    const ledger = store.ledger(owner!, key);
    const entries = [{ dishonest: 1 }, { outOfRange: 2 }, { allowed: 700 }];
    const all = Array.from({ length: times }, () =>
      entries.map((entry) => ledger.record(entry as { dishonest: number })),
    );
    await Promise.all(all.flat());
    return ledger.load();
  },

  async remember(parts: readonly string[], key: string): Promise<void> {
    const memory = await store.memory(owner!, key);
    for (const part of parts) memory.set(part, `digest of ${part}`);
    await memory.written();
  },

  async recall(parts: readonly string[], key: string): Promise<(string | null)[]> {
    const memory = await store.memory(owner!, key);
    return parts.map((part) => memory.get(part) ?? null);
  },

  forget: () => store.forget(),
};
export type StoreProbe = typeof probe;

Object.assign(globalThis, { probe });
