import { join } from 'node:path';
import { UsageError } from '@cipherformer/base';
import type { SecurityOptions } from '@cipherformer/ckks';
import { describeChange, type ProgramChange } from '@cipherformer/client';
import type { Command } from 'commander';
import { type AnswerOptions, checkAnswerOptions, ownerOptions, showAnswers, withAnswerOptions } from '../answers/show-answers.ts'; // biome-ignore format: one list
import { connect } from '../door/connect.ts';
import { askedKind, checkAsked, checkQuestions, type Question, withQuestions } from '../input/questions.ts';
import { keptSecret } from '../program/kept-keys.ts';
import { allowKeys, type KeyLimit, withKeyLimit } from '../program/key-bytes.ts';
import { showSession } from '../program/session-progress.ts';
import { commandLine } from '../terminal/command-line.ts';
import { canAsk, confirm } from '../terminal/confirm.ts';
import { warn } from '../terminal/errors.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { showable } from '../terminal/text.ts';

interface QueryOptions extends AnswerOptions, KeyLimit {
  readonly program?: string;
  readonly keys?: string;
  readonly resize?: boolean;
}

/** `cipherformer query <url>`: a question to a service, whose answer it never sees. */
export function registerQuery(program: Command, security: SecurityOptions): void {
  const command = program
    .command('query')
    .description('Ask a service an encrypted question: keys are made, sent once and kept; the answer is decrypted here')
    .argument('<url>', 'address of the service, as serve prints it');
  const questions = withQuestions(command);
  command
    .option('--program <name>', 'the program to ask where several are served: its name, or the beginning of its digest')
    .option(
      '--keys <folder>',
      'where the secret key is, or is made (default: one of this service and these parameters in your home)',
    );
  withAnswerOptions(withKeyLimit(command)).action((url: string, options: QueryOptions) =>
    query(url, questions, options, security),
  );
}

/** Whether another program than before is asked: a person is, where there is one. */
const allowChange = async (change: ProgramChange): Promise<boolean> =>
  canAsk() && confirm(showable(`${describeChange(change)}. Go on with it?`));

async function query(url: string, questions: readonly Question[], options: QueryOptions, security: SecurityOptions) {
  checkAnswerOptions(options);
  checkQuestions(questions);
  if (!/^https?:\/\//i.test(url))
    throw new UsageError(`${url} is not the address of a service: it starts with http:// or https://`);
  const { keys, json: _, top: __, ...others } = options;
  const stopping = 'stopping; the same command goes on where it stopped: keys that the service has are not sent again';
  const answers = await interruptible(stopping, async (signal) => {
    await using service = await connect(url, {
      ...{ ...others, ...ownerOptions(options), ...security, ...askedKind(questions) },
      ...{ allowKeys, allowChange, signal, notice: warn },
      secret: (manifest) => (keys === undefined ? keptSecret(url, manifest, security) : join(keys, 'secret')),
    });
    checkAsked(questions, service.manifest);
    const show = showSession();
    return await service.ask(questions, { signal, progress: show.update }).finally(show.stop);
  });
  const kept = commandLine`cipherformer keys list (the secret keys that are kept)`;
  showAnswers(answers, options, keys === undefined ? kept : undefined);
}
