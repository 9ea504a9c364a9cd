import { UsageError } from '@cipherformer/base';
import { Context, type SecurityOptions } from '@cipherformer/ckks';
import { readSecretKey, readWireFile } from '@cipherformer/ckks/files';
import { decryptOutputs, type PrivateAnswer, parametersOf, readRequest } from '@cipherformer/runtime/client';
import { FileVerdictLedger, readManifest, verdictFileOf } from '@cipherformer/runtime/client/files';
import type { Command } from 'commander';
import { sharedLabels } from '../program/answers.ts';
import {
  type AnswerOptions,
  allowMore,
  checkAnswerOptions,
  showAnswers,
  withAnswerOptions,
  writeLines,
} from '../program/show-answers.ts';
import { CheckFailedError } from '../terminal/errors.ts';

interface DecryptOptions extends AnswerOptions {
  readonly keys: string;
  readonly input: string;
  readonly request: string;
  readonly shareable?: boolean;
}

/**
 * `cipherformer decrypt <program>`: the answer of a run, with the secret key; of a batch, the answer to each input. Where an
 * input left the model's range there is no answer: exit code 3, and no logits of it unless they are forced.
 */
export function registerDecrypt(program: Command, security: SecurityOptions): void {
  const command = program
    .command('decrypt')
    .description('Decrypt the result of a run with the secret key and print its label')
    .argument('<program>', 'folder of a program, or its manifest.json')
    .requiredOption('--keys <file>', 'the secret key; what it told is counted in a file beside it')
    .requiredOption('--input <file>', 'the encrypted result')
    .requiredOption('--request <file>', 'the encrypted input that the result answers')
    .option('--shareable', 'the label alone, and only where it tells nothing of the key: what may be passed on');
  withAnswerOptions(command).action((path: string, options: DecryptOptions) => decrypt(path, options, security));
}

async function decrypt(path: string, options: DecryptOptions, security: SecurityOptions): Promise<void> {
  const { keys, input, request: requestFile, reveal, shareable, json } = options;
  checkAnswerOptions(options);
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
  else showAnswers(answers, options, manifest.model.classes);
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
