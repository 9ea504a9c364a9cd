import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Context } from '@cipherformer/ckks';
import { readSecretKey, writeWireFile } from '@cipherformer/ckks/files';
import { encryptInputs, type ProgramManifest, parametersOf, readManifest } from '@cipherformer/compiler/client';
import { type ModelInput, prepareInput } from '@cipherformer/nn/polynomial';
import { isPolynomialModel, loadPolynomialModel } from '@cipherformer/nn/polynomial/folder';
import type { Command } from 'commander';
import { z } from 'zod';
import { UsageError } from '../terminal/errors.ts';

interface EncryptOptions {
  readonly keys: string;
  readonly input: string;
  readonly out: string;
  readonly json?: boolean;
}

/** `cipherformer encrypt <program>`: an input, prepared and encrypted under the secret key. */
export function registerEncrypt(program: Command): void {
  program
    .command('encrypt')
    .description('Encrypt an input of a program under the secret key')
    .argument('<program>', 'folder of a program, or its manifest.json (then the input names the matrices)')
    .requiredOption('--keys <file>', 'the secret key')
    .requiredOption(
      '--input <file>',
      'JSON: {"pixels": [...]} or {"image": [...]}, {"text": "..."} or {"ids": [...]}, or the input matrices by name',
    )
    .requiredOption('--out <file>', 'the encrypted input')
    .option('--json', 'JSON on stdout')
    .action(encrypt);
}

async function encrypt(path: string, { keys, input, out, json }: EncryptOptions): Promise<void> {
  const manifest = await readManifest(path);
  const values = await readValues(path, manifest, input);
  using context = await Context.create(parametersOf(manifest));
  using secret = await readSecretKey(keys, context);
  const file = await encryptInputs(secret, manifest, values);
  await writeWireFile(out, file);
  process.stdout.write(
    json ? `${JSON.stringify({ input: out, bytes: file.bytes })}\n` : `${out}: ${file.bytes} bytes\n`,
  );
}

const numbers = z.array(z.number());
const inputSchema = z.union([
  z.strictObject({ pixels: numbers }),
  z.strictObject({ image: numbers }),
  z.strictObject({ text: z.string() }),
  z.strictObject({ ids: z.array(z.int().min(0)) }),
  z.record(z.string(), numbers),
]);

/** The matrices of a program's inputs: as given, or made of an image or a text as the model's card says. */
async function readValues(
  path: string,
  manifest: ProgramManifest,
  file: string,
): Promise<Readonly<Record<string, ArrayLike<number>>>> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`${file} cannot be read as JSON: ${error instanceof Error ? error.message : error}`);
  }
  const parsed = inputSchema.safeParse(json);
  if (!parsed.success) throw new UsageError(`${file} is not an input:\n${z.prettifyError(parsed.error)}`);
  const given = parsed.data;
  if (manifest.inputs.every(({ name }) => name in given)) return given as Record<string, number[]>;
  const folder = join(path, 'model');
  if (!isPolynomialModel(folder))
    throw new UsageError(
      `${file} holds ${Object.keys(given).join(', ')}, the program takes ${manifest.inputs.map(({ name }) => name).join(', ')}: ` +
        'give the program’s folder, whose model tells how to prepare an input',
    );
  return prepareInput(loadPolynomialModel(folder), given as ModelInput) as Record<string, ArrayLike<number>>;
}
