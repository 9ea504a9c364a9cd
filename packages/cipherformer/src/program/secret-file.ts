import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { UsageError } from '@cipherformer/base';
import { type Context, randomSeed, SecretKey } from '@cipherformer/ckks';
import { readSecretKey, writeSecretKey } from '@cipherformer/ckks/files';
import { FileVerdictLedger, verdictFileOf } from '@cipherformer/runtime/client/files';

/** Longest time from the counts of a new key to its file, in a process that makes both. */
const makingMs = 1000;

/**
 * The secret key of a file, or a new one in it, written before any evaluation key: without it those are of no use to anybody.
 * @param option the option that chose the folder, for messages
 * @throws UsageError for a key of version 1; errors of the file system, readSecretKey and writeSecretKey
 */
export async function openSecret(file: string, context: Context, option: '--out' | '--keys'): Promise<SecretKey> {
  const counts = verdictFileOf(file);
  // Of another process that makes the key now, or of one that was killed before the key was there.
  if (!existsSync(file) && existsSync(counts)) await sleep(makingMs);
  if (!existsSync(file)) {
    if (existsSync(counts)) await FileVerdictLedger.removeUnused(counts);
    const master = randomSeed();
    const secret = SecretKey.fromMaster(context, master);
    master.fill(0);
    try {
      // The counts first: a key is never without them.
      await FileVerdictLedger.create(counts, secret.id);
      await writeSecretKey(file, secret).catch(async (error: unknown) => {
        await rm(counts, { force: true });
        throw error;
      });
      return secret;
    } catch (error) {
      secret[Symbol.dispose]();
      throw error;
    }
  }
  const secret = await readSecretKey(file, context);
  if (secret.version === 2) return secret;
  secret[Symbol.dispose]();
  throw new UsageError(
    `${file} is a secret key of version 1, which only decrypts old results: choose another ${option}, where a new key is made`,
  );
}
