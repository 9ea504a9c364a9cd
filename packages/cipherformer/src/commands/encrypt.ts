import type { SecurityOptions } from '@cipherformer/ckks';
import { writeBytesDurably } from '@cipherformer/ckks/durable';
import type { Command } from 'commander';
import { Client } from '../door/client.ts';
import { checkAsked, checkQuestions, type Question, withQuestions } from '../input/questions.ts';
import { checkSecretFile, evaluationBeside } from '../program/key-files.ts';
import { commandLine } from '../terminal/command-line.ts';
import { warn } from '../terminal/errors.ts';
import { print } from '../terminal/output.ts';
import { checkOutput } from '../terminal/output-path.ts';

interface EncryptOptions {
  readonly keys: string;
  readonly resize?: boolean;
  readonly out: string;
  readonly json?: boolean;
}

/** `cipherformer encrypt <program>`: an input, or several of a batch, prepared and encrypted under the secret key. */
export function registerEncrypt(program: Command, security: SecurityOptions): void {
  const command = program
    .command('encrypt')
    .description('Encrypt an input of a program under the secret key; several for a program that computes a batch')
    .argument('<program>', 'folder of a program, or the client half of it')
    .requiredOption('--keys <file>', 'the secret key');
  const questions = withQuestions(command);
  command
    .requiredOption('--out <file>', 'the new file of the encrypted input')
    .option('--json', 'JSON on stdout')
    .action((path: string, options: EncryptOptions) => encrypt(path, questions, options, security));
}

async function encrypt(
  path: string,
  questions: readonly Question[],
  options: EncryptOptions,
  security: SecurityOptions,
) {
  const { keys, resize = false, out, json } = options;
  checkQuestions(questions);
  checkOutput(out);
  const manifest = await checkSecretFile(keys, path, security);
  checkAsked(questions, manifest);
  const { batch } = manifest;
  await using client = await Client.create(path, { secret: keys, resize, notice: warn, ...security });
  const [request] = await client.encrypt(questions);
  const { bytes, examples } = request!;
  await writeBytesDurably(out, bytes, { overwrite: false });
  const of = batch > 1 ? `, ${examples} of ${batch} inputs` : '';
  print(json, {
    value: { input: out, bytes: bytes.length, count: examples },
    text: `${out}: ${bytes.length} bytes${of}; keep it, decrypt needs it (--request)`,
    next: commandLine`cipherformer run ${path} --keys ${evaluationBeside(keys)} --input ${out} --out ${out}.result`,
  });
}
