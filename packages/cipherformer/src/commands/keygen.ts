import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Context, randomSeed, SecretKey } from '@cipherformer/ckks';
import { writeSecretKey, writeWireFile } from '@cipherformer/ckks/files';
import {
  evaluationKeysFile,
  FileVerdictLedger,
  keyIdOf,
  makeEvaluationKeys,
  parametersOf,
  readManifest,
  verdictFileOf,
} from '@cipherformer/compiler/client';
import type { Command } from 'commander';
import { gib } from '../program/summary.ts';
import { UsageError } from '../terminal/errors.ts';
import { startStages } from '../terminal/progress.ts';

interface KeygenOptions {
  readonly out: string;
  readonly json?: boolean;
}

/** `cipherformer keygen <program>`: a secret key, and the evaluation keys that the program's server needs. */
export function registerKeygen(program: Command): void {
  program
    .command('keygen')
    .description('Make the keys of a program: a secret one that stays here, and evaluation keys for the server')
    .argument('<program>', 'folder of a program, or its manifest.json')
    .requiredOption('--out <folder>', 'where the files secret and evaluation go')
    .option('--json', 'JSON on stdout')
    .action(keygen);
}

async function keygen(path: string, { out, json }: KeygenOptions): Promise<void> {
  const manifest = await readManifest(path);
  const [secretFile, evaluationFile] = [join(out, 'secret'), join(out, 'evaluation')];
  const verdictFile = verdictFileOf(secretFile);
  for (const file of [secretFile, evaluationFile, verdictFile])
    if (existsSync(file)) throw new UsageError(`${file} already exists: keys are never replaced; choose another --out`);
  await mkdir(out, { recursive: true, mode: 0o700 });
  using context = await Context.create(parametersOf(manifest));
  using secret = new SecretKey(context, randomSeed());
  const progress = startStages();
  using keys = makeEvaluationKeys(secret, manifest, progress.update);
  // The secret key first: evaluation keys without it are of no use to anybody.
  await writeSecretKey(secretFile, secret);
  await FileVerdictLedger.create(verdictFile, await keyIdOf(secret));
  await writeWireFile(evaluationFile, await evaluationKeysFile(keys, secret, manifest), { overwrite: false });
  progress.stop();
  const bytes = manifest.keys.wireBytes;
  const text = json
    ? JSON.stringify({ secret: secretFile, evaluation: evaluationFile, evaluationBytes: bytes })
    : `${secretFile}: the secret key; keep it to yourself, with ${basename(verdictFile)} beside it\n${evaluationFile}: ${gib(bytes)} for the server`;
  process.stdout.write(`${text}\n`);
}
