import { Context, type SecurityOptions } from '@cipherformer/ckks';
import { readSecretKey, readWireFile } from '@cipherformer/ckks/files';
import { type Answer, batchOf, decryptOutputs, parametersOf, readRequest } from '@cipherformer/compiler/client';
import { readManifest } from '@cipherformer/compiler/client/files';
import type { Command } from 'commander';
import { CheckFailedError } from '../terminal/errors.ts';
import { positiveInteger } from '../terminal/numbers.ts';
import { renderTable } from '../terminal/table.ts';

interface DecryptOptions {
  readonly keys: string;
  readonly input: string;
  readonly request: string;
  readonly top: number;
  readonly force?: boolean;
  readonly json?: boolean;
}

/**
 * `cipherformer decrypt <program>`: the answer of a run, with the secret key; of a batch, the answer to each input. Where an
 * input left the model's range there is no answer: exit code 3, and no logits of it unless they are forced.
 */
export function registerDecrypt(program: Command, security: SecurityOptions): void {
  program
    .command('decrypt')
    .description('Decrypt the result of a run with the secret key and print its logits')
    .argument('<program>', 'folder of a program, or its manifest.json')
    .requiredOption('--keys <file>', 'the secret key')
    .requiredOption('--input <file>', 'the encrypted result')
    .requiredOption('--request <file>', 'the encrypted input that the result answers')
    .option('--top <n>', 'how many logits to print, largest first', positiveInteger, 10)
    .option('--force', 'the logits even where they are no answer: the input left the range the model is made for')
    .option('--json', 'all logits as JSON on stdout, and whether to trust them')
    .action((path: string, options: DecryptOptions) => decrypt(path, options, security));
}

async function decrypt(path: string, options: DecryptOptions, security: SecurityOptions): Promise<void> {
  const { keys, input, request: requestFile, top, force = false, json } = options;
  const manifest = await readManifest(path, security);
  const batch = batchOf(manifest);
  using context = await Context.create(parametersOf(manifest, security), security);
  using secret = await readSecretKey(keys, context);
  const request = await readRequest(manifest, secret.id, readWireFile(requestFile), requestFile);
  const answers = await decryptOutputs(secret, manifest, request, readWireFile(input), input);
  const { classes } = manifest.model;
  if (json) {
    const shown = answers.map((answer) => shownAnswer(answer, force));
    const body = batch === 1 ? shown[0]! : { answers: shown };
    process.stdout.write(`${JSON.stringify({ ...body, ...(classes ? { classes } : {}) })}\n`);
  } else {
    for (const [i, answer] of answers.entries())
      if (answer.trusted || force)
        process.stdout.write(`${answerTable(answer, batch === 1 ? undefined : i + 1, top, classes)}\n`);
  }
  checkTrust(answers, batch, force);
}

/** What of an answer is for a tool: no logits where they are none. */
function shownAnswer({ logits, trusted, reason }: Answer, force: boolean) {
  return { trusted, ...(reason ? { reason } : {}), ...(trusted || force ? { logits: [...logits] } : {}) };
}

function answerTable(
  { logits }: Answer,
  number: number | undefined,
  top: number,
  classes: readonly string[] | undefined,
): string {
  const best = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]!).slice(0, top);
  const rows = best.map((k) => [classes?.[k] ?? k, Number(logits[k]!.toFixed(4))]);
  const what = classes ? 'class' : 'output';
  return renderTable([number === undefined ? what : `input ${number}: ${what}`, 'logit'], rows);
}

/** @throws CheckFailedError where an answer is none, unless forced */
function checkTrust(answers: readonly Answer[], batch: number, force: boolean): void {
  const failed = answers.flatMap(({ trusted, reason }, i) => (trusted ? [] : [{ number: i + 1, reason }]));
  if (failed.length === 0) return;
  const messages = failed.map(
    ({ number, reason }) =>
      `${batch === 1 ? 'the input' : `input ${number}`} left the range the model is made for: its logits are not an answer (${reason})`,
  );
  if (!force) throw new CheckFailedError(`${messages.join('\n')}. To see them nevertheless, add --force.`);
  for (const message of messages) process.stderr.write(`warning ${message}\n`);
}
