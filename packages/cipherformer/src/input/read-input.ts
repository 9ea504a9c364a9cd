import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProgramManifest } from '@cipherformer/compiler/client';
import { parseForeignJson } from '@cipherformer/compiler/foreign';
import { type ModelInput, type PolynomialModel, prepareInput } from '@cipherformer/nn/polynomial';
import { isPolynomialModel, loadPolynomialModel } from '@cipherformer/nn/polynomial/folder';
import { z } from 'zod';
import { UsageError } from '../terminal/errors.ts';
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

/** Reads inputs of one program: JSON or image files, made into matrices as the card of the program's model says. */
export class InputReader {
  readonly #program: string;
  readonly #manifest: ProgramManifest;
  readonly #resize: boolean;
  #model: PolynomialModel | undefined;

  /** @param program the program's folder, or its manifest.json: then files have to hold the matrices themselves */
  constructor(program: string, manifest: ProgramManifest, options: { readonly resize: boolean }) {
    this.#program = program;
    this.#manifest = manifest;
    this.#resize = options.resize;
  }

  /** @throws UsageError for a file that is no input of this program, DataError for one of another kind or size */
  async read(file: string): Promise<InputValues> {
    const bytes = await readFile(file).catch((error: Error) => {
      throw new UsageError(`${file} cannot be read: ${error.message}`);
    });
    if (imageKind(bytes) !== undefined) return this.#prepared(await this.#imageInput(bytes, file));
    const given = parseInput(bytes, file);
    const names = this.#manifest.inputs.map(({ name }) => name);
    if (names.every((name) => Object.hasOwn(given, name))) return given as Record<string, number[]>;
    return this.#prepared(given as ModelInput, () => `${file} holds ${Object.keys(given).join(', ')}`);
  }

  async #imageInput(bytes: Uint8Array, file: string): Promise<ModelInput> {
    const { preprocess, task } = this.#modelFor(() => `${file} is an image`);
    if (preprocess.kind !== 'image')
      throw new UsageError(`${file} is an image, the model does ${task}: give a JSON file with {"text": "..."}`);
    return { pixels: await imagePixels(bytes, file, preprocess, this.#resize) };
  }

  #prepared(input: ModelInput, what = () => 'this input has to be prepared'): InputValues {
    return prepareInput(this.#modelFor(what), input) as Record<string, ArrayLike<number>>;
  }

  #modelFor(what: () => string): PolynomialModel {
    const folder = join(this.#program, 'model');
    if (!isPolynomialModel(folder))
      throw new UsageError(
        `${what()}, the program takes ${this.#manifest.inputs.map(({ name }) => name).join(', ')}: ` +
          'give the program’s folder, whose model tells how to prepare an input',
      );
    this.#model ??= loadPolynomialModel(folder);
    return this.#model;
  }
}

function parseInput(bytes: Uint8Array, file: string): z.infer<typeof inputSchema> {
  return parseForeignJson(bytes, {
    schema: inputSchema,
    maxBytes: maxInputBytes,
    refuse: (what) => new UsageError(`${file} is neither a PNG or JPEG image nor an input in JSON: it ${what}`),
  });
}
