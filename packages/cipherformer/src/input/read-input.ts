import { readFile } from 'node:fs/promises';
import type { ClientProgram } from '@cipherformer/compiler/client';
import { type ModelInput, prepareInput } from '@cipherformer/nn/polynomial';
import { z } from 'zod';
import { UsageError } from '../terminal/errors.ts';
import { imageKind, imagePixels } from './image-file.ts';

const numbers = z.array(z.number());
const inputSchema = z.union([
  z.strictObject({ pixels: numbers }),
  z.strictObject({ image: numbers }),
  z.strictObject({ text: z.string() }),
  z.strictObject({ ids: z.array(z.int().min(0)) }),
  z.record(z.string(), numbers),
]);

/** The matrices of a program's inputs, by their names. */
export type InputValues = Readonly<Record<string, ArrayLike<number>>>;

/** Reads inputs of one program: JSON or image files, made into matrices as its client's half says. */
export class InputReader {
  readonly #client: ClientProgram;
  readonly #resize: boolean;

  constructor(client: ClientProgram, options: { readonly resize: boolean }) {
    this.#client = client;
    this.#resize = options.resize;
  }

  /** @throws UsageError for a file that is no input of this program, DataError for one of another kind or size */
  async read(file: string): Promise<InputValues> {
    const { manifest, preparation } = this.#client;
    const bytes = await readFile(file);
    if (imageKind(bytes) !== undefined) return prepareInput(preparation, await this.#imageInput(bytes, file));
    const given = parseInput(bytes, file);
    if (manifest.inputs.every(({ name }) => name in given)) return given as Record<string, number[]>;
    return prepareInput(preparation, given as ModelInput);
  }

  async #imageInput(bytes: Uint8Array, file: string): Promise<ModelInput> {
    const { preprocess, task } = this.#client.preparation;
    if (preprocess.kind !== 'image')
      throw new UsageError(`${file} is an image, the model does ${task}: give a JSON file with {"text": "..."}`);
    return { pixels: await imagePixels(bytes, file, preprocess, this.#resize) };
  }
}

function parseInput(bytes: Uint8Array, file: string): z.infer<typeof inputSchema> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new UsageError(
      `${file} is neither a PNG or JPEG image nor JSON: ${error instanceof Error ? error.message : error}`,
    );
  }
  const parsed = inputSchema.safeParse(json);
  if (!parsed.success) throw new UsageError(`${file} is not an input:\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
