import { Context, type SecurityOptions } from '@cipherformer/ckks';
import { readSecretKey, writeWireFile } from '@cipherformer/ckks/files';
import { prepareInput } from '@cipherformer/model';
import { encryptInputs, parametersOf } from '@cipherformer/runtime/client';
import { readClientProgram } from '@cipherformer/runtime/client/files';
import type { Command } from 'commander';
import { checkBatch } from '../input/questions.ts';
import { readQuestions } from '../input/read-input.ts';
import { formOf } from '../input/seen.ts';
import { checkSecretFile, evaluationBeside } from '../program/key-files.ts';
import { warn } from '../terminal/errors.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { print } from '../terminal/output.ts';
import { checkOutput } from '../terminal/output-path.ts';

interface EncryptOptions {
  readonly keys: string;
  readonly input: readonly string[];
  readonly resize?: boolean;
  readonly out: string;
  readonly json?: boolean;
}

/** `cipherformer encrypt <program>`: an input, or several of a batch, prepared and encrypted under the secret key. */
export function registerEncrypt(program: Command, security: SecurityOptions): void {
  program
    .command('encrypt')
    .description('Encrypt an input of a program under the secret key; several for a program that computes a batch')
    .argument('<program>', 'folder of a program, or the client half of it')
    .requiredOption('--keys <file>', 'the secret key')
    .requiredOption(
      '--input <file...>',
      'a PNG or JPEG image, or JSON: {"pixels": [...]} or {"image": [...]}, {"text": "..."} or {"ids": [...]}',
    )
    .option('--resize', "scale an image to the model's size; its aspect ratio is not kept")
    .requiredOption('--out <file>', 'the new file of the encrypted input')
    .option('--json', 'JSON on stdout')
    .action((path: string, options: EncryptOptions) => encrypt(path, options, security));
}

async function encrypt(path: string, options: EncryptOptions, security: SecurityOptions): Promise<void> {
  const { keys, input, resize = false, out, json } = options;
  checkOutput(out);
  const client = await readClientProgram(path, security);
  const { manifest } = client;
  const { batch } = manifest;
  const { length: count } = input;
  checkBatch(count, batch);
  await checkSecretFile(keys, manifest, path, security);
  const { preparation } = client;
  const read = await readQuestions(input.map((file) => ({ file })), formOf(preparation), { resize, warn }); // biome-ignore format: one call
  const examples = read.map(({ input: one }) => prepareInput(preparation, one));
  const bytes = await interruptible('stopping; no input is written', async (signal) => {
    using context = await Context.create(parametersOf(manifest, security), security);
    using secret = await readSecretKey(keys, context);
    const file = await encryptInputs(secret, manifest, examples);
    // The event loop turns, so that Ctrl-C is heard before anything is written.
    await new Promise(setImmediate);
    signal.throwIfAborted();
    await writeWireFile(out, file, { overwrite: false });
    return file.bytes;
  });
  const of = batch > 1 ? `, ${count} of ${batch} inputs` : '';
  print(json, {
    value: { input: out, bytes, count },
    text: `${out}: ${bytes} bytes${of}; keep it, decrypt needs it (--request)`,
    next: `cipherformer run ${path} --keys ${evaluationBeside(keys)} --input ${out} --out ${out}.result`,
  });
}
