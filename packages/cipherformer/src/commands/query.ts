import { join } from 'node:path';
import { UsageError } from '@cipherformer/base';
import type { SecurityOptions } from '@cipherformer/ckks';
import { ServiceSession, Transport } from '@cipherformer/client';
import { fileTokens, nodeFetch } from '@cipherformer/client/node';
import type { Command } from 'commander';
import {
  type AnswerOptions,
  allowMore,
  checkAnswerOptions,
  showAnswers,
  withAnswerOptions,
} from '../answers/show-answers.ts';
import { Answer, Answers } from '../door/answer.ts';
import { checkBatch, type Question, withQuestions } from '../input/questions.ts';
import { readQuestions } from '../input/read-input.ts';
import { formOf } from '../input/seen.ts';
import { keysFolder } from '../program/kept-keys.ts';
import { agreeOnKeyBytes } from '../program/key-bytes.ts';
import { openOwner } from '../program/secret-file.ts';
import { showSession } from '../program/session-progress.ts';
import { warn } from '../terminal/errors.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { byteSize } from '../terminal/numbers.ts';

interface QueryOptions extends AnswerOptions {
  readonly program?: string;
  readonly keys?: string;
  readonly resize?: boolean;
  readonly maxKeyBytes?: number;
}

/** `cipherformer query <url>`: a question to a service, whose answer it never sees. */
export function registerQuery(program: Command, security: SecurityOptions): void {
  const command = program
    .command('query')
    .description('Ask a service an encrypted question: keys are made, sent once and kept; the answer is decrypted here')
    .argument('<url>', 'address of the service, as serve prints it');
  const questions = withQuestions(command);
  command
    .option('--resize', "scale images to the model's size; their aspect ratio is not kept")
    .option('--program <digest>', 'the program to ask, by the beginning of its digest, where several are served')
    .option('--keys <folder>', 'where the secret key is, or is made (default: one of these parameters in your home)')
    .option('--max-key-bytes <size>', 'most that the evaluation keys may take (default: 4GiB, and a question above it)', byteSize); // biome-ignore format: a line each
  withAnswerOptions(command).action((url: string, options: QueryOptions) => query(url, questions, options, security));
}

async function query(
  url: string,
  questions: readonly Question[],
  options: QueryOptions,
  security: SecurityOptions,
): Promise<void> {
  checkAnswerOptions(options);
  if (questions.length === 0) throw new UsageError('there is no question: give --text, --image, --ids or --input');
  const stopping = 'stopping; the same command goes on where it stopped: keys that the service has are not sent again';
  const answers = await interruptible(stopping, async (signal) => {
    // A service that is not there is told at once; one that goes away later is waited for.
    await new Transport(url, { signal, fetch: nodeFetch, retry: { attempts: 1 } }).programs();
    const transport = new Transport(url, { signal, fetch: nodeFetch, tokens: fileTokens(url) });
    const asked = options.program === undefined ? {} : { program: options.program };
    const session = await ServiceSession.open(transport, { ...security, ...asked });
    try {
      const { manifest } = session.client;
      checkBatch(questions.length, manifest.batch);
      const inputs = await readQuestions(questions, formOf(session.client.preparation), { ...options, warn });
      const folder = options.keys ?? keysFolder(session.context.parameters.digest);
      const owner = await openOwner(join(folder, 'secret'), session.context, {
        option: '--keys',
        allowMore: (counts) => allowMore(counts, options),
      });
      using _ = owner.secret;
      const show = showSession();
      const agree = (bytes: number) => agreeOnKeyBytes(bytes, options.maxKeyBytes);
      const found = await session
        .ask(
          owner,
          inputs.map(({ input }) => input),
          { signal, progress: show.update, agree },
        )
        .finally(show.stop);
      return new Answers(found.answers.map((answer) => new Answer(answer, manifest.model.classes)));
    } finally {
      session.close();
    }
  });
  showAnswers(answers, options);
}
