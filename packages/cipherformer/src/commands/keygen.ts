import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Context, randomSeed, SecretKey, type SecurityOptions } from '@cipherformer/ckks';
import { writeSecretKey, writeWireFile } from '@cipherformer/ckks/files';
import { evaluationKeysFile, makeEvaluationKeys, parametersOf, readManifest } from '@cipherformer/compiler/client';
import type { Command } from 'commander';
import { agreeOnKeyBytes } from '../program/key-bytes.ts';
import { gib } from '../program/summary.ts';
import { UsageError } from '../terminal/errors.ts';
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
    .argument('<program>', 'folder of a program, or its manifest.json')
    .requiredOption('--out <folder>', 'where the files secret and evaluation go')
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
  const [secretFile, evaluationFile] = [join(out, 'secret'), join(out, 'evaluation')];
  for (const file of [secretFile, evaluationFile])
    if (existsSync(file)) throw new UsageError(`${file} already exists: keys are never replaced; choose another --out`);
  const bytes = manifest.keys.wireBytes;
  await agreeOnKeyBytes(bytes, maxKeyBytes);
  await mkdir(out, { recursive: true, mode: 0o700 });
  using context = await Context.create(parametersOf(manifest, security), security);
  using secret = new SecretKey(context, randomSeed());
  const progress = startStages();
  using keys = makeEvaluationKeys(secret, manifest, progress.update);
  // The secret key first: evaluation keys without it are of no use to anybody.
  await writeSecretKey(secretFile, secret);
  await writeWireFile(evaluationFile, await evaluationKeysFile(keys, secret, manifest), { overwrite: false });
  progress.stop();
  const text = json
    ? JSON.stringify({ secret: secretFile, evaluation: evaluationFile, evaluationBytes: bytes })
    : `${secretFile}: the secret key; keep it to yourself\n${evaluationFile}: ${gib(bytes)} for the server`;
  process.stdout.write(`${text}\n`);
}
