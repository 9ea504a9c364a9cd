import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Context, SecretKey } from '@cipherformer/ckks';
import { isSecretKeyFile, readSecretKey, writeSecretKey } from '@cipherformer/ckks/files';
import type { Owner } from '@cipherformer/client';
import { FileError, MemoryVerdictLedger, VolatilePartMemory } from '@cipherformer/runtime/client';
import { FilePartMemory, FileVerdictLedger, partMemoryFileOf, verdictFileOf } from '@cipherformer/runtime/client/files';

/** Longest time from the counts of a new key to its file, in a process that makes both. */
const makingMs = 1000;

/**
 * The secret key of a file, or a new one in it, written before any evaluation key: without it those are of no use to anybody.
 * @throws FileError for a file of something else; errors of the file system, readSecretKey and writeSecretKey
 */
export async function openSecret(file: string, context: Context): Promise<SecretKey> {
  const counts = verdictFileOf(file);
  // Of another process that makes the key now, or of one that was killed before the key was there.
  if (!existsSync(file) && existsSync(counts)) await sleep(makingMs);
  if (!existsSync(file)) {
    if (existsSync(counts)) await FileVerdictLedger.removeUnused(counts);
    const secret = SecretKey.create(context);
    try {
      await writeSecretWithCounts(file, secret);
      return secret;
    } catch (error) {
      secret[Symbol.dispose]();
      throw error;
    }
  }
  if (!(await isSecretKeyFile(file)))
    throw new FileError(`${file} is no secret key: give a file that was made as one, or a name that is free`);
  return readSecretKey(file, context);
}

/**
 * Writes a secret key to a new file that only its owner can read, with the counts of what it has told beside it.
 * @throws FileError, StorageError where one of the two files is there; then neither is changed
 */
async function writeSecretWithCounts(file: string, secret: SecretKey): Promise<void> {
  const counts = verdictFileOf(file);
  // The counts first: a key is never without them.
  await FileVerdictLedger.create(counts, secret.id);
  try {
    await writeSecretKey(file, secret);
  } catch (error) {
    await rm(counts, { force: true });
    throw error;
  }
}

/**
 * A secret key with what is kept beside it: of a file as `openSecret`, whose folder is made where there is none, or without
 * one a new key that ends with the process. Dispose of its `secret`.
 * @throws what openSecret throws
 */
export async function openOwner(file: string | undefined, context: Context): Promise<Owner> {
  if (file === undefined) {
    const secret = SecretKey.create(context);
    return { secret, memory: new VolatilePartMemory(), ledger: new MemoryVerdictLedger() };
  }
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const secret = await openSecret(file, context);
  try {
    const memory = await FilePartMemory.open(partMemoryFileOf(file), secret.id);
    return { secret, memory, ledger: new FileVerdictLedger(verdictFileOf(file), secret.id) };
  } catch (error) {
    secret[Symbol.dispose]();
    throw error;
  }
}
