import { readFile } from 'node:fs/promises';
import { DataError, type InputPreparation, MissingFileError, type ModelInput } from '@cipherformer/model';
import { parseForeignJson } from '@cipherformer/model/untrusted';
import { z } from 'zod';
import { imageKind, imagePixels } from './image-file.ts';
import type { Question } from './questions.ts';
import { type AskedInput, type InputForm, type Seen, seeInput } from './seen.ts';

/** Numbers of a few million values, as text. */
const maxInputBytes = 2 ** 27;

const numbers = z.array(z.number());
const inputSchema = z.union([
  z.strictObject({ pixels: numbers }),
  z.strictObject({ image: numbers }),
  z.strictObject({ text: z.string() }),
  z.strictObject({ ids: z.array(z.int().min(0)) }),
]);

const kinds =
  'give a PNG or JPEG image, or JSON: {"text": "..."}, {"ids": [...]}, {"pixels": [...]} or {"image": [...]}';

export interface ReadOptions {
  /** Scale images to the model's size; their aspect ratio is not kept. Default: another size is refused. */
  readonly resize?: boolean | undefined;
  /** Hears of texts that are cut, with their number. */
  readonly warn: (text: string) => void;
}

/** An input as it is encrypted or asked, and what the model will see of it. */
export interface ReadInput {
  readonly input: AskedInput;
  readonly seen: Seen;
}

/**
 * Reads what is asked on a command line, all of it before any work is done.
 * @throws MissingFileError for a file that cannot be read, DataError for what is no input of this model, an empty text too
 */
export async function readQuestions(
  questions: readonly Question[],
  form: InputForm,
  { resize = false, warn }: ReadOptions,
): Promise<ReadInput[]> {
  const inputs: ReadInput[] = [];
  for (const [i, question] of questions.entries()) {
    const input = 'file' in question ? await readInputFile(question.file, form, resize) : question;
    const seen = seeInput(input, form);
    if ('ids' in seen && seen.cutFrom !== undefined)
      warn(`${questions.length === 1 ? 'the text' : `text ${i + 1}`} has ${seen.cutFrom} tokens, the model takes ${seen.ids.length}: the rest was cut off`); // biome-ignore format: short
    inputs.push({ input, seen });
  }
  return inputs;
}

async function readInputFile(file: string, form: InputForm, resize: boolean): Promise<ModelInput> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    const words: Record<string, string> = { ENOENT: 'there is no such file', EISDIR: 'it is a folder' };
    throw new MissingFileError(`the input ${file} cannot be read: ${words[error.code ?? ''] ?? error.message}`);
  });
  if (bytes.length === 0) throw new DataError(`the input ${file} is empty: ${kinds}`);
  if (imageKind(bytes) === undefined) return parseInput(bytes, file);
  if (form.kind !== 'image') throw new DataError(`${file} is an image, the model takes a text: give {"text": "..."}`);
  return { pixels: imagePixels(bytes, file, form.preprocess, resize) };
}

function parseInput(bytes: Uint8Array, file: string): ModelInput {
  return parseForeignJson(bytes, {
    schema: inputSchema,
    maxBytes: maxInputBytes,
    // What does not follow a union of schemas would be told in many lines, none of which helps.
    refuse: (what) => new DataError(`${file} is neither a PNG or JPEG image nor an input in JSON: it ${what.split('\n')[0]!.replace(/:$/, '')}; ${kinds}`), // biome-ignore format: short
  });
}

/**
 * The picture of a PNG or JPEG file as a model takes it.
 * @param file for messages
 * @throws DataError for a model of texts, and as imagePixels
 */
export async function imageInput(
  bytes: Uint8Array,
  file: string,
  { preprocess, task }: InputPreparation,
  resize: boolean,
): Promise<ModelInput> {
  if (preprocess.kind !== 'image')
    throw new DataError(`${file} is an image, the model does ${task}: give a text, {"text": "..."}`);
  return { pixels: imagePixels(bytes, file, preprocess, resize) };
}
