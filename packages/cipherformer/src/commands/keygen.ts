import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { gib } from '@cipherformer/base';
import { Context, type SecurityOptions } from '@cipherformer/ckks';
import { keySpecsOf, parametersOf } from '@cipherformer/runtime/client';
import {
  checkKeyRoom,
  partMemoryFileOf,
  readManifest,
  verdictFileOf,
  writeKeyFolder,
} from '@cipherformer/runtime/client/files';
import type { Command } from 'commander';
import { agreeOnKeyBytes } from '../program/key-bytes.ts';
import { openSecret } from '../program/secret-file.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { byteSize } from '../terminal/numbers.ts';
import { print } from '../terminal/output.ts';
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

async function keygen(path: string, options: KeygenOptions, security: SecurityOptions): Promise<void> {
  const { out, maxKeyBytes, json } = options;
  const manifest = await readManifest(path, security);
  const { wireBytes } = manifest.keys;
  await agreeOnKeyBytes(wireBytes, maxKeyBytes);
  const secretFile = join(out, 'secret');
  const evaluation = join(out, 'evaluation');
  await checkKeyRoom(evaluation, wireBytes);
  await mkdir(out, { recursive: true, mode: 0o700 });
  const stopping = 'stopping after this part; run the same command again, it goes on where it stopped';
  await interruptible(stopping, async (signal) => {
    using context = await Context.create(parametersOf(manifest, security), security);
    using secret = await openSecret(secretFile, context, '--out');
    const stages = startStages();
    await writeKeyFolder(evaluation, secret, keySpecsOf(manifest), partMemoryFileOf(secretFile), {
      signal,
      progress: stages.update,
      // Keys for other programs that the folder lists come on top of what was agreed on.
      agree: async (bytes) => {
        if (bytes > wireBytes) await agreeOnKeyBytes(bytes, maxKeyBytes);
      },
    }).finally(stages.stop);
  });
  print(json, {
    value: { secret: secretFile, evaluation, evaluationBytes: wireBytes },
    text:
      `${secretFile}: the secret key; keep it to yourself, with ${basename(verdictFileOf(secretFile))} beside it\n` +
      `${evaluation}: ${gib(wireBytes)} for the server`,
    next: `cipherformer encrypt ${path} --keys ${secretFile} --input ${manifest.model.preprocess.kind === 'image' ? 'image.png' : 'text.json'} --out input`,
  });
}
