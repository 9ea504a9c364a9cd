import { UsageError } from '@cipherformer/base';
import type { SecurityOptions } from '@cipherformer/ckks';
import type { Command } from 'commander';
import {
  type AnswerOptions,
  checkAnswerOptions,
  ownerOptions,
  showAnswers,
  showShared,
  withAnswerOptions,
} from '../answers/show-answers.ts';
import { Client } from '../door/client.ts';
import { readBytes } from '../input/read-bytes.ts';
import { checkSecretFile } from '../program/key-files.ts';
import { commandLine, typedAgain } from '../terminal/command-line.ts';

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
  withAnswerOptions(command).action((path: string, options: DecryptOptions) =>
    decrypt(path, options, command, security),
  );
}

async function decrypt(path: string, options: DecryptOptions, verb: Command, security: SecurityOptions): Promise<void> {
  const { keys, input, request, shareable, json } = options;
  checkAnswerOptions(options);
  if (shareable && options.reveal)
    throw new UsageError('--reveal shows what must not be shared, --shareable what may be: choose one.');
  await checkSecretFile(keys, path, security);
  const result = await readBytes(input, 'the result');
  const asked = await readBytes(request, 'the request');
  await using client = await Client.create(path, { secret: keys, ...ownerOptions(options), ...security });
  const answers = await client.decrypt(result, asked);
  if (shareable) return showShared(answers, json);
  const revealed = typedAgain(verb, [], commandLine`--reveal (scores and logits, for you alone)`);
  showAnswers(answers, options, options.reveal ? undefined : revealed);
}
