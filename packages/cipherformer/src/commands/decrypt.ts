import { Context } from '@cipherformer/ckks';
import { readSecretKey, readWireFile } from '@cipherformer/ckks/files';
import { decryptOutputs, parametersOf, readManifest } from '@cipherformer/compiler/client';
import type { Command } from 'commander';
import { renderTable } from '../terminal/table.ts';

interface DecryptOptions {
  readonly keys: string;
  readonly input: string;
  readonly top: number;
  readonly json?: boolean;
}

/** `cipherformer decrypt <program>`: the answer of a run, with the secret key. */
export function registerDecrypt(program: Command): void {
  program
    .command('decrypt')
    .description('Decrypt the result of a run with the secret key and print its logits')
    .argument('<program>', 'folder of a program, or its manifest.json')
    .requiredOption('--keys <file>', 'the secret key')
    .requiredOption('--input <file>', 'the encrypted result')
    .option('--top <n>', 'how many logits to print, largest first', Number, 10)
    .option('--json', 'all logits as JSON on stdout')
    .action(decrypt);
}

async function decrypt(path: string, { keys, input, top, json }: DecryptOptions): Promise<void> {
  const manifest = await readManifest(path);
  using context = await Context.create(parametersOf(manifest));
  using secret = await readSecretKey(keys, context);
  const logits = await decryptOutputs(secret, manifest, readWireFile(input), input);
  const { classes } = manifest.model;
  if (json) {
    process.stdout.write(`${JSON.stringify({ logits: [...logits], ...(classes ? { classes } : {}) })}\n`);
    return;
  }
  const best = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]!).slice(0, top);
  const rows = best.map((k) => [classes?.[k] ?? k, Number(logits[k]!.toFixed(4))]);
  process.stdout.write(`${renderTable([classes ? 'class' : 'output', 'logit'], rows)}\n`);
}
