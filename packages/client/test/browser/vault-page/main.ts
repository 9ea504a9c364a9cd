// The vault of a browser, for a test to drive.
import type { VerdictCounts } from '@cipherformer/runtime/client';
import { openMaster, sealMaster } from '../../../src/browser/sealing.ts';
import { type StoredOwner, Vault } from '../../../src/browser/vault.ts';

const service = 'https://service.example';
const vault = await Vault.open(service);
let owner: StoredOwner | undefined = await vault.owner();

const probe = {
  /** Keeps a random master, or finds the one that is there. */
  async keep(passphrase?: string): Promise<{ name: string; master: number[] }> {
    const master = crypto.getRandomValues(new Uint8Array(32));
    const name = crypto.randomUUID();
    owner = await vault.keepOwner({ name, sealed: await sealMaster(master, service, passphrase) });
    return { name: owner.name, master: [...(await openMaster(owner.sealed, service, passphrase))] };
  },

  /** What lies in the storage: nothing that a script can take along. */
  async taken(): Promise<{ extractable: boolean; exported: string; master: boolean }> {
    const there = (await vault.owner())!;
    const master = await openMaster(there.sealed, service);
    const exported = await crypto.subtle.exportKey('raw', there.sealed.key).then(
      () => 'taken',
      ({ name }: Error) => name,
    );
    const bytes = JSON.stringify([...there.sealed.bytes]);
    return {
      extractable: there.sealed.key.extractable,
      exported,
      master: bytes.includes([...master].slice(0, 8).join(',')),
    };
  },

  /** So many of each entry, as fast as they go. */
  async count(times: number, key = 'one key'): Promise<VerdictCounts> {
    const ledger = vault.ledger(owner!, key);
    const entries = [{ dishonest: 1 }, { outOfRange: 2 }, { allowed: 700 }];
    const all = Array.from({ length: times }, () =>
      entries.map((entry) => ledger.record(entry as { dishonest: number })),
    );
    await Promise.all(all.flat());
    return ledger.load();
  },

  /** Puts an owner with these counts of a key in the place of the one that is there. */
  async replace(counts: VerdictCounts, key = 'one key'): Promise<void> {
    const name = crypto.randomUUID();
    const sealed = await sealMaster(crypto.getRandomValues(new Uint8Array(32)), service);
    await vault.replaceOwner({ name, sealed }, [[key, counts]]);
    owner = await vault.owner();
  },

  async remember(parts: readonly string[], key: string): Promise<void> {
    const memory = await vault.memory(owner!, key);
    for (const part of parts) memory.set(part, `digest of ${part}`);
    await memory.written();
  },

  async recall(parts: readonly string[], key: string): Promise<(string | null)[]> {
    const memory = await vault.memory(owner!, key);
    return parts.map((part) => memory.get(part) ?? null);
  },

  /** Owners of two services are strangers to each other. */
  async other(): Promise<boolean> {
    return (await (await Vault.open('https://other.example')).owner()) === undefined;
  },

  name: async () => (await vault.owner())?.name,

  /** Remembers a program under each name. @returns how many are known under two names */
  async programs(names: readonly string[]): Promise<number[]> {
    const memory = vault.programs(owner!);
    for (const name of names) await memory.keep(name, [{ digest: 'd', plan: 'p' }]);
    return Promise.all(['digits', 'words'].map(async (name) => (await memory.get(name)).length));
  },

  forget: () => vault.forget(),
};
export type VaultProbe = typeof probe;

Object.assign(globalThis, { probe });
