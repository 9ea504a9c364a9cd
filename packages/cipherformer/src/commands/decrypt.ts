import { Context, type SecurityOptions } from '@cipherformer/ckks';
import { readSecretKey, readWireFile } from '@cipherformer/ckks/files';
import {
  decryptOutputs,
  KeyUseError,
  outOfRangeStep,
  type PrivateAnswer,
  parametersOf,
  readRequest,
  type VerdictCounts,
} from '@cipherformer/compiler/client';
import { FileVerdictLedger, readManifest, verdictFileOf } from '@cipherformer/compiler/client/files';
import type { Command } from 'commander';
import { type AnswerView, answerJson, answerText, sharedLabels } from '../program/answers.ts';
import { canAsk, confirm } from '../terminal/confirm.ts';
import { CheckFailedError, UsageError } from '../terminal/errors.ts';
import { positiveInteger } from '../terminal/numbers.ts';

interface DecryptOptions {
  readonly keys: string;
  readonly input: string;
  readonly request: string;
  readonly reveal?: boolean;
  readonly top: number;
  readonly force?: boolean;
  readonly shareable?: boolean;
  readonly allowMoreOutOfRange?: boolean;
  readonly json?: boolean;
}

/**
 * `cipherformer decrypt <program>`: the answer of a run, with the secret key; of a batch, the answer to each input. Where an
 * input left the model's range there is no answer: exit code 3, and no logits of it unless they are forced.
 */
export function registerDecrypt(program: Command, security: SecurityOptions): void {
  program
    .command('decrypt')
    .description('Decrypt the result of a run with the secret key and print its label')
    .argument('<program>', 'folder of a program, or its manifest.json')
    .requiredOption('--keys <file>', 'the secret key; what it told is counted in a file beside it')
    .requiredOption('--input <file>', 'the encrypted result')
    .requiredOption('--request <file>', 'the encrypted input that the result answers')
    .option('--reveal', 'logits and scores too: for the owner of the key alone, they tell of it')
    .option('--top <n>', 'how many labels to reveal, largest first', positiveInteger, 10)
    .option('--force', 'with --reveal, even where they are no answer: the input left the range the model is made for')
    .option('--shareable', 'the label alone, and only where it tells nothing of the key: what may be passed on')
    .option('--allow-more-out-of-range', `show the next ${outOfRangeStep} examples out of range, where so many were`)
    .option('--json', 'JSON on stdout')
    .action((path: string, options: DecryptOptions) => decrypt(path, options, security));
}

async function decrypt(path: string, options: DecryptOptions, security: SecurityOptions): Promise<void> {
  const { keys, input, request: requestFile, reveal = false, force = false, shareable = false, top, json } = options;
  if (force && !reveal) throw new UsageError('--force shows logits that are no answer: add --reveal.');
  if (shareable && reveal)
    throw new UsageError('--reveal shows what must not be shared, --shareable what may be: choose one.');
  const manifest = await readManifest(path, security);
  using context = await Context.create(parametersOf(manifest, security), security);
  using secret = await readSecretKey(keys, context);
  const key = secret.id;
  const request = await readRequest(manifest, key, readWireFile(requestFile), requestFile);
  const answers = await decryptOutputs(secret, manifest, request, readWireFile(input), input, {
    ledger: new FileVerdictLedger(verdictFileOf(keys), key),
    allowMore: (counts) => allowMore(counts, options),
  });
  if (shareable) printShared(answers, json);
  else print(answers, { reveal, force, top, classes: manifest.model.classes }, json);
}

function print(answers: readonly PrivateAnswer[], view: AnswerView, json = false): void {
  const number = (i: number) => (answers.length === 1 ? undefined : i + 1);
  const lines = json
    ? [JSON.stringify({ results: answers.map((answer) => answerJson(answer, view)) })]
    : answers.map((answer, i) => answerText(answer, number(i), view));
  writeLines(lines);
  checkRange(answers, view.force);
}

/** @throws CheckFailedError where a label cannot be shared; the others are printed */
function printShared(answers: readonly PrivateAnswer[], json = false): void {
  const { labels, refused } = sharedLabels(answers);
  const results = labels.map((label) => ({ labels: label === undefined ? [] : [{ label }] }));
  const prefix = (i: number) => (answers.length === 1 ? '' : `input ${i + 1}: `);
  writeLines(
    json
      ? [JSON.stringify({ results })]
      : labels.map((label, i) => (label === undefined ? undefined : `${prefix(i)}${label}`)),
  );
  if (refused.length > 0)
    throw new CheckFailedError(`${refused.join('\n')}. Keep that to yourself as well: it may depend on the noise.`);
}

function writeLines(lines: readonly (string | undefined)[]): void {
  for (const line of lines) if (line !== undefined) process.stdout.write(`${line}\n`);
}

/** Whether the owner lets more examples out of range be shown. */
async function allowMore({ outOfRange }: VerdictCounts, options: DecryptOptions): Promise<boolean> {
  if (options.allowMoreOutOfRange) return true;
  const why = `${outOfRange} examples were found out of range with this key. A server that picks its results learns of the key from each one you react to.`;
  if (canAsk()) return confirm(`${why} Show the next ${outOfRangeStep}?`);
  throw new KeyUseError(
    'outOfRange',
    `${why} If so many are no surprise, add --allow-more-out-of-range for the next ${outOfRangeStep}; otherwise make a new key (keygen).`,
  );
}

/** @throws CheckFailedError where an answer is none, unless forced */
function checkRange(answers: readonly PrivateAnswer[], forced: boolean): void {
  const messages = answers.flatMap(({ inRange, reason }, i) =>
    inRange
      ? []
      : [
          `${answers.length === 1 ? 'the input' : `input ${i + 1}`} left the range the model is made for: there is no answer (${reason})`,
        ],
  );
  if (messages.length === 0) return;
  if (!forced)
    throw new CheckFailedError(`${messages.join('\n')}. To see its logits nevertheless, add --reveal --force.`);
  for (const message of messages) process.stderr.write(`warning ${message}\n`);
}
