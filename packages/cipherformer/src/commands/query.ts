import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { UsageError } from '@cipherformer/base';
import type { SecurityOptions } from '@cipherformer/ckks';
import { type Owner, ServiceSession, Transport } from '@cipherformer/client';
import { fileTokens, nodeFetch } from '@cipherformer/client/node';
import type { ModelInput } from '@cipherformer/model';
import { type Command, InvalidArgumentError } from 'commander';
import { InputReader } from '../input/read-input.ts';
import { agreeOnKeyBytes } from '../program/key-bytes.ts';
import { openOwner } from '../program/secret-file.ts';
import { showSession } from '../program/session-progress.ts';
import {
  type AnswerOptions,
  allowMore,
  checkAnswerOptions,
  showAnswers,
  withAnswerOptions,
} from '../program/show-answers.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { byteSize } from '../terminal/numbers.ts';

interface QueryOptions extends AnswerOptions {
  readonly program?: string;
  readonly keys?: string;
  readonly resize?: boolean;
  readonly maxKeyBytes?: number;
}

/** What was asked, in the order of the command line: an input as it is, or the file that has it. */
type Question = ModelInput | { readonly file: string };

/** `cipherformer query <url>`: a question to a service, whose answer it never sees. */
export function registerQuery(program: Command, security: SecurityOptions): void {
  const questions: Question[] = [];
  const ask = (read: (text: string) => Question) => (text: string) => void questions.push(read(text));
  const command = program
    .command('query')
    .description('Ask a service an encrypted question: keys are made, sent once and kept; the answer is decrypted here')
    .argument('<url>', 'address of the service, as serve prints it')
    .option('--text <text>', 'a text; this and the next three repeatedly for a program that computes a batch', ask((text) => ({ text }))) // biome-ignore format: a line each
    .option('--image <file>', 'a PNG or JPEG image', ask((file) => ({ file })))
    .option('--ids <numbers>', 'token numbers: 1,2,3', ask((text) => ({ ids: tokenNumbers(text) })))
    .option('--input <json>', 'a file: {"pixels": [...]}, {"image": [...]}, {"text": "..."} or {"ids": [...]}', ask((file) => ({ file }))) // biome-ignore format: a line each
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
  await interruptible(stopping, async (signal) => {
    // A service that is not there is told at once; one that goes away later is waited for.
    await new Transport(url, { signal, fetch: nodeFetch, retry: { attempts: 1 } }).programs();
    const transport = new Transport(url, { signal, fetch: nodeFetch, tokens: fileTokens(url) });
    const session = await ServiceSession.open(transport, {
      ...security,
      ...(options.program === undefined ? {} : { program: options.program }),
    });
    try {
      const inputs = await readQuestions(questions, session, options.resize ?? false);
      const owner = await ownerOf(session, options);
      using _ = owner.secret;
      const show = showSession();
      const agree = (bytes: number) => agreeOnKeyBytes(bytes, options.maxKeyBytes);
      const { answers } = await session.ask(owner, inputs, { signal, progress: show.update, agree }).finally(show.stop);
      showAnswers(answers, options, session.client.manifest.model.classes);
    } finally {
      session.close();
    }
  });
}

async function readQuestions(
  questions: readonly Question[],
  { client }: ServiceSession,
  resize: boolean,
): Promise<ModelInput[]> {
  const { batch } = client.manifest;
  if (questions.length > batch)
    throw new UsageError(`${questions.length} inputs for a program that computes ${batch} at once: ask fewer`);
  const reader = new InputReader(client, { resize });
  const inputs: ModelInput[] = [];
  for (const question of questions)
    inputs.push('file' in question ? await reader.readUnprepared(question.file) : question);
  return inputs;
}

/** The secret key with what is kept beside it; made where there is none. */
function ownerOf({ context }: ServiceSession, options: QueryOptions): Promise<Owner> {
  const folder = options.keys ?? keysFolder(context.parameters.digest);
  return openOwner(join(folder, 'secret'), context, {
    option: '--keys',
    allowMore: (counts) => allowMore(counts, options),
  });
}

/** Keys serve every program of their parameters, so the folder is named by those. */
function keysFolder(parametersDigest: string): string {
  const { XDG_DATA_HOME: data = '' } = process.env;
  const home = isAbsolute(data) ? data : join(homedir(), '.local/share');
  return join(home, 'cipherformer/keys', parametersDigest.slice(0, 12));
}

function tokenNumbers(text: string): number[] {
  const numbers = text.split(',').map((part) => (/^\s*\d+\s*$/.test(part) ? Number(part) : Number.NaN));
  if (!numbers.every(Number.isSafeInteger)) throw new InvalidArgumentError('It must be whole numbers: 1,2,3.');
  return numbers;
}
