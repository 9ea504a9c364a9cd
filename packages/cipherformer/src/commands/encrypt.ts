import { UsageError } from '@cipherformer/base';
import { Context, type SecurityOptions } from '@cipherformer/ckks';
import { readSecretKey, writeWireFile } from '@cipherformer/ckks/files';
import { encryptInputs, parametersOf } from '@cipherformer/runtime/client';
import { readClientProgram } from '@cipherformer/runtime/client/files';
import type { Command } from 'commander';
import { InputReader } from '../input/read-input.ts';

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
      'a PNG or JPEG image, or JSON: {"pixels": [...]} or {"image": [...]}, {"text": "..."} or {"ids": [...]}, or the ' +
        'input matrices by name',
    )
    .option('--resize', "scale an image to the model's size; its aspect ratio is not kept")
    .requiredOption('--out <file>', 'the encrypted input')
    .option('--json', 'JSON on stdout')
    .action((path: string, options: EncryptOptions) => encrypt(path, options, security));
}

async function encrypt(
  path: string,
  { keys, input, resize = false, out, json }: EncryptOptions,
  security: SecurityOptions,
): Promise<void> {
  const client = await readClientProgram(path, security);
  const { manifest } = client;
  const { batch } = manifest;
  const { length: count } = input;
  if (count > batch)
    throw new UsageError(
      `${count} inputs for a program that computes ${batch} at once: encrypt fewer, or compile with --batch`,
    );
  const reader = new InputReader(client, { resize });
  const examples = [];
  for (const file of input) examples.push(await reader.read(file));
  using context = await Context.create(parametersOf(manifest, security), security);
  using secret = await readSecretKey(keys, context);
  const file = await encryptInputs(secret, manifest, examples);
  await writeWireFile(out, file);
  const of = batch > 1 ? `, ${count} of ${batch} inputs` : '';
  process.stdout.write(
    json
      ? `${JSON.stringify({ input: out, bytes: file.bytes, count })}\n`
      : `${out}: ${file.bytes} bytes${of}; keep it, decrypt needs it (--request)\n`,
  );
}
