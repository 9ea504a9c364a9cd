import { readFile } from 'node:fs/promises';
import { UsageError } from '@cipherformer/base';
import { type InputPreparation, type ModelInput, prepareInput } from '@cipherformer/model';
import { parseForeignJson } from '@cipherformer/model/untrusted';
import type { ClientProgram } from '@cipherformer/runtime/client';
import { z } from 'zod';
import { imageKind, imagePixels } from './image-file.ts';

/** Numbers of a few million values, as text. */
const maxInputBytes = 2 ** 27;

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
    const given = await this.#given(file);
    return this.#isPrepared(given) ? given : prepareInput(this.#client.preparation, given as ModelInput);
  }

  /** A picture, a text or tokens, for whoever prepares it. @throws UsageError for anything else */
  async readUnprepared(file: string): Promise<ModelInput> {
    const given = await this.#given(file);
    if (this.#isPrepared(given))
      throw new UsageError(`${file} holds input matrices: give pixels, an image, a text or ids`);
    return given as ModelInput;
  }

  async #given(file: string): Promise<ModelInput | z.infer<typeof inputSchema>> {
    const bytes = await readFile(file).catch((error: Error) => {
      throw new UsageError(`${file} cannot be read: ${error.message}`);
    });
    if (imageKind(bytes) === undefined) return parseInput(bytes, file);
    return imageInput(bytes, file, this.#client.preparation, this.#resize);
  }

  #isPrepared(given: object): given is Record<string, number[]> {
    return this.#client.manifest.inputs.every(({ name }) => Object.hasOwn(given, name));
  }
}

/**
 * The picture of a PNG or JPEG file as a model takes it.
 * @param file for messages
 * @throws UsageError for a model of texts, and as imagePixels
 */
export async function imageInput(
  bytes: Uint8Array,
  file: string,
  { preprocess, task }: InputPreparation,
  resize: boolean,
): Promise<ModelInput> {
  if (preprocess.kind !== 'image')
    throw new UsageError(`${file} is an image, the model does ${task}: give a text, {"text": "..."}`);
  return { pixels: await imagePixels(bytes, file, preprocess, resize) };
}

function parseInput(bytes: Uint8Array, file: string): z.infer<typeof inputSchema> {
  return parseForeignJson(bytes, {
    schema: inputSchema,
    maxBytes: maxInputBytes,
    refuse: (what) => new UsageError(`${file} is neither a PNG or JPEG image nor an input in JSON: it ${what}`),
  });
}
