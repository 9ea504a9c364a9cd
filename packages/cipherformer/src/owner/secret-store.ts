import { type Context, KeyError, SecretKey, secretKeyFromWire, secretKeyToWire, wireBytes } from '@cipherformer/ckks';
import type { Owner } from '@cipherformer/client';
import { parseForeignJson } from '@cipherformer/model/untrusted';
import {
  MemoryVerdictLedger,
  noVerdicts,
  type VerdictCounts,
  type VerdictEntry,
  type VerdictLedger,
  VolatilePartMemory,
  withEntry,
} from '@cipherformer/runtime/client';
import { z } from 'zod';

/**
 * A place of the caller's own for a secret key with the counts of what it has told, as one piece of bytes: a key chain, a
 * database. Whoever has the bytes can decrypt.
 */
export interface SecretStore {
  /**
   * The bytes that were saved last; undefined where there are none yet: then a new key is made and saved. Asked again before each
   * answer: what other clients of this process have counted counts. Of several processes, let one use a store at a time.
   */
  load(): Promise<Uint8Array | undefined>;
  /** Keeps them in place of the last ones, for good when it resolves: called before an answer is told that counts. */
  save(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
}

// The key as in its file (docs/wire-format.md), then the counts in JSON.
const maxCountsBytes = 1000;
const count = z
  .int()
  .min(0)
  .max(2 ** 48);
const countsSchema = z.strictObject({ key: z.string(), dishonest: count, outOfRange: count, allowed: count });

/** A secret key with its counts, as bytes: erase them after use. */
export async function exportedSecret(secret: SecretKey, counts: VerdictCounts): Promise<Uint8Array<ArrayBuffer>> {
  const { dishonest, outOfRange, allowed } = counts;
  const key = await wireBytes(secretKeyToWire(secret));
  const text = new TextEncoder().encode(JSON.stringify({ key: secret.id, dishonest, outOfRange, allowed }));
  const bytes = new Uint8Array(key.length + text.length);
  bytes.set(key);
  bytes.set(text, key.length);
  key.fill(0);
  return bytes;
}

/** @throws KeyError, WireError for bytes that `exportedSecret` did not make, or a key of other parameters */
export async function importedSecret(
  bytes: Uint8Array<ArrayBuffer>,
  context: Context,
): Promise<{ readonly secret: SecretKey; readonly counts: VerdictCounts }> {
  // The only brace of the counts, which are the end.
  const keyBytes = Math.max(0, bytes.lastIndexOf('{'.charCodeAt(0)));
  const secret = await secretKeyFromWire(context, once(bytes.subarray(0, keyBytes)));
  try {
    const counts = countsIn(bytes.slice(keyBytes), secret.id);
    if (secret.version !== 2) throw new KeyError('a secret key of version 1 only decrypts old results');
    return { secret, counts };
  } catch (error) {
    secret[Symbol.dispose]();
    throw error;
  }
}

function countsIn(text: Uint8Array<ArrayBuffer>, id: string): VerdictCounts {
  const { key, ...counts } = parseForeignJson(text, {
    schema: countsSchema,
    maxBytes: maxCountsBytes,
    refuse: (what) => new KeyError(`the counts of what the secret key has told are missing or damaged: ${what}`),
  });
  if (key !== id) throw new KeyError('the counts are those of another secret key');
  return counts;
}

/** What a store is to keep, where that changes, and the counts in it. */
export interface Counted {
  readonly secret: Uint8Array<ArrayBuffer> | undefined;
  readonly counts: VerdictCounts;
}

/**
 * What a store has kept of a secret key, with an entry more.
 * @param kept what was saved last; erased
 * @throws KeyError where that has no counts of this key
 */
export async function countedSecret(
  secret: SecretKey,
  kept: Uint8Array<ArrayBuffer> | undefined,
  entry: VerdictEntry | undefined,
): Promise<Counted> {
  if (!kept) throw new KeyError('the store no longer has the secret key, nor what it has told: put both back');
  const text = kept.slice(Math.max(0, kept.lastIndexOf('{'.charCodeAt(0))));
  kept.fill(0);
  const before = countsIn(text, secret.id);
  if (!entry) return { secret: undefined, counts: before };
  const counts = withEntry(before, entry);
  return { secret: await exportedSecret(secret, counts), counts };
}

/** What a thread asks of a store. */
export interface StoreCalls {
  save(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Has `countedSecret` done with what the store has, one call after another, and saves it. */
  count(entry?: VerdictEntry): Promise<VerdictCounts>;
}

/**
 * The key that a store has kept, or a new one that it keeps from now on, with what is kept beside it.
 * @param kept what was saved last; erased
 * @param store undefined for a key that is not kept: its counts end with the process
 * @throws as importedSecret; errors of the store
 */
export async function openStoredOwner(
  kept: Uint8Array<ArrayBuffer> | undefined,
  store: StoreCalls | undefined,
  context: Context,
): Promise<Owner> {
  const { secret, counts } = kept
    ? await importedSecret(kept, context).finally(() => kept.fill(0))
    : { secret: SecretKey.create(context), counts: noVerdicts };
  try {
    // Written before any evaluation key: without it those are of no use to anybody.
    if (!kept) await store?.save(await exportedSecret(secret, counts));
    const ledger: VerdictLedger = store
      ? { load: () => store.count(), record: (entry) => store.count(entry) }
      : new MemoryVerdictLedger(counts);
    return { secret, memory: new VolatilePartMemory(), ledger };
  } catch (error) {
    secret[Symbol.dispose]();
    throw error;
  }
}

async function* once(bytes: Uint8Array<ArrayBuffer>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield bytes;
}
