import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Context, randomSeed, SecretKey, type SecurityOptions } from '@cipherformer/ckks';
import { readSecretKey, writeSecretKey } from '@cipherformer/ckks/files';
import { keySpecsOf, parametersOf } from '@cipherformer/compiler/client';
import { FileVerdictLedger, readManifest, verdictFileOf, writeKeyFolder } from '@cipherformer/compiler/client/files';
import type { Command } from 'commander';
import { agreeOnKeyBytes } from '../program/key-bytes.ts';
import { gib } from '../program/summary.ts';
import { UsageError } from '../terminal/errors.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { byteSize } from '../terminal/numbers.ts';
import { startStages } from '../terminal/progress.ts';

interface KeygenOptions {
  readonly out: string;
  readonly maxKeyBytes?: number;
  readonly json?: boolean;
}

/** `cipherformer keygen <program>`: a secret key, and the evaluation keys that the program's server needs. */
export function registerKeygen(program: Command, security: SecurityOptions): void {
  program
    .command('keygen')
    .description('Make the keys of a program: a secret one that stays here, and evaluation keys for the server')
    .argument('<program>', 'folder of a program, or the client half of it')
    .requiredOption(
      '--out <folder>',
      'where the file secret and the folder evaluation go; a secret that is there is used, and keys that are there are kept',
    )
    .option(
      '--max-key-bytes <size>',
      'most that the evaluation keys may take (default: 4GiB, and a question above it)',
      byteSize,
    )
    .option('--json', 'JSON on stdout')
    .action((path: string, options: KeygenOptions) => keygen(path, options, security));
}

async function keygen(
  path: string,
  { out, maxKeyBytes, json }: KeygenOptions,
  security: SecurityOptions,
): Promise<void> {
  const manifest = await readManifest(path, security);
  const { wireBytes } = manifest.keys;
  await agreeOnKeyBytes(wireBytes, maxKeyBytes);
  const secretFile = join(out, 'secret');
  const evaluation = join(out, 'evaluation');
  await mkdir(out, { recursive: true, mode: 0o700 });
  using context = await Context.create(parametersOf(manifest, security), security);
  using secret = await openSecret(secretFile, context);
  const progress = startStages();
  const stopping = 'stopping after this part; run the same command again, it goes on where it stopped';
  await interruptible(stopping, (signal) =>
    writeKeyFolder(evaluation, secret, keySpecsOf(manifest), `${secretFile}.parts`, {
      signal,
      progress: (done, total) => progress.update('keys', done, total),
    }),
  );
  progress.stop();
  const text = json
    ? JSON.stringify({ secret: secretFile, evaluation, evaluationBytes: wireBytes })
    : `${secretFile}: the secret key; keep it to yourself, with ${basename(verdictFileOf(secretFile))} beside it\n${evaluation}: ${gib(wireBytes)} for the server`;
  process.stdout.write(`${text}\n`);
}

/** The secret key of a folder, or a new one, written before any evaluation key: without it those are of no use to anybody. */
async function openSecret(file: string, context: Context): Promise<SecretKey> {
  if (!existsSync(file)) {
    const master = randomSeed();
    const secret = SecretKey.fromMaster(context, master);
    master.fill(0);
    try {
      // The counts first: a key is never without them.
      await FileVerdictLedger.create(verdictFileOf(file), secret.id);
      await writeSecretKey(file, secret);
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
    `${file} is a secret key of version 1, which only decrypts old results: choose another --out, where a new key is made`,
  );
}
