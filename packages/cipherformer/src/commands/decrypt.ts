import { Context } from '@cipherformer/ckks';
import { readSecretKey, readWireFile } from '@cipherformer/ckks/files';
import { decryptOutputs, parametersOf, readManifest } from '@cipherformer/compiler/client';
import type { Command } from 'commander';
import { CheckFailedError } from '../terminal/errors.ts';
import { renderTable } from '../terminal/table.ts';

interface DecryptOptions {
  readonly keys: string;
  readonly input: string;
  readonly top: number;
  readonly force?: boolean;
  readonly json?: boolean;
}

/**
 * `cipherformer decrypt <program>`: the answer of a run, with the secret key. Where the input left the model's range there is
 * no answer: exit code 3, and no logits unless they are forced.
 */
export function registerDecrypt(program: Command): void {
  program
    .command('decrypt')
    .description('Decrypt the result of a run with the secret key and print its logits')
    .argument('<program>', 'folder of a program, or its manifest.json')
    .requiredOption('--keys <file>', 'the secret key')
    .requiredOption('--input <file>', 'the encrypted result')
    .option('--top <n>', 'how many logits to print, largest first', Number, 10)
    .option('--force', 'the logits even where they are no answer: the input left the range the model is made for')
    .option('--json', 'all logits as JSON on stdout, and whether to trust them')
    .action(decrypt);
}

async function decrypt(path: string, { keys, input, top, force = false, json }: DecryptOptions): Promise<void> {
  const manifest = await readManifest(path);
  using context = await Context.create(parametersOf(manifest));
  using secret = await readSecretKey(keys, context);
  const { logits, trusted, reason } = await decryptOutputs(secret, manifest, readWireFile(input), input);
  const { classes } = manifest.model;
  const shown = trusted || force;
  if (json) {
    const answer = { trusted, ...(reason ? { reason } : {}), ...(shown ? { logits: [...logits] } : {}) };
    process.stdout.write(`${JSON.stringify({ ...answer, ...(classes ? { classes } : {}) })}\n`);
  }
  if (!trusted) {
    const message = `the input left the range the model is made for: its logits are not an answer (${reason})`;
    if (!force) throw new CheckFailedError(`${message}. To see them nevertheless, add --force.`);
    process.stderr.write(`warning ${message}\n`);
  }
  if (json) return;
  const best = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]!).slice(0, top);
  const rows = best.map((k) => [classes?.[k] ?? k, Number(logits[k]!.toFixed(4))]);
  process.stdout.write(`${renderTable([classes ? 'class' : 'output', 'logit'], rows)}\n`);
}
