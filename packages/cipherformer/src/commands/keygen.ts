import { basename, join } from 'node:path';
import { gib } from '@cipherformer/base';
import type { SecurityOptions } from '@cipherformer/ckks';
import { checkKeyRoom, readManifest, verdictFileOf } from '@cipherformer/runtime/client/files';
import type { Command } from 'commander';
import { Client } from '../door/client.ts';
import { agreedKeyBytes, allowKeys, type KeyLimit, withKeyLimit } from '../program/key-bytes.ts';
import { commandLine } from '../terminal/command-line.ts';
import { print } from '../terminal/output.ts';
import { withStages } from '../terminal/with-stages.ts';

interface KeygenOptions extends KeyLimit {
  readonly out: string;
  readonly json?: boolean;
}

/** `cipherformer keygen <program>`: a secret key, and the evaluation keys that the program's server needs. */
export function registerKeygen(program: Command, security: SecurityOptions): void {
  const command = program
    .command('keygen')
    .description('Make the keys of a program: a secret one that stays here, and evaluation keys for the server')
    .argument('<program>', 'folder of a program, or the client half of it')
    .requiredOption(
      '--out <folder>',
      'where the file secret and the folder evaluation go; a secret that is there is used, and keys that are there are kept',
    );
  withKeyLimit(command)
    .option('--json', 'JSON on stdout')
    .action((path: string, options: KeygenOptions) => keygen(path, options, security));
}

async function keygen(path: string, { out, maxKeyBytes, json }: KeygenOptions, security: SecurityOptions) {
  const secret = join(out, 'secret');
  const evaluation = join(out, 'evaluation');
  // Before there is a secret key.
  const { keys, model } = await readManifest(path, security);
  const maxBytes = await agreedKeyBytes(keys.wireBytes, maxKeyBytes);
  await checkKeyRoom(evaluation, keys.wireBytes);
  const stopping = 'stopping after this part; run the same command again, it goes on where it stopped';
  await withStages(stopping, async (signal, { update: progress }) => {
    await using client = await Client.create(path, { secret, allowKeys, ...security });
    await client.writeEvaluationKeys(evaluation, { maxBytes, signal, progress });
  });
  print(json, {
    value: { secret, evaluation, evaluationBytes: keys.wireBytes },
    text:
      `${secret}: the secret key; keep it to yourself, with ${basename(verdictFileOf(secret))} beside it\n` +
      `${evaluation}: ${gib(keys.wireBytes)} for the server`,
    next:
      model.preprocess.kind === 'image'
        ? commandLine`cipherformer encrypt ${path} --keys ${secret} --image image.png --out input`
        : commandLine`cipherformer encrypt ${path} --keys ${secret} --text "..." --out input`,
  });
}
