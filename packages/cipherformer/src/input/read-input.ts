import { UsageError } from '@cipherformer/base';
import { DataError, type ModelInput } from '@cipherformer/model';
import { parseForeignJson } from '@cipherformer/model/untrusted';
import { z } from 'zod';
import { imageKind, imagePixels } from './image-file.ts';
import type { Input, InputOptions } from './input.ts';
import { readBytes } from './read-bytes.ts';
import { type InputForm, type Seen, seeInput } from './seen.ts';

/** Numbers of a few million values, as text. */
const maxInputBytes = 2 ** 27;

const numbers = z.array(z.number());
const inputSchema = z.union([
  z.strictObject({ pixels: numbers }),
  z.strictObject({ image: numbers }),
  z.strictObject({ text: z.string(), pair: z.string().optional() }),
  z.strictObject({ ids: z.array(z.int().min(0)) }),
]);

const kinds =
  'give a PNG or JPEG image, or JSON: {"text": "..."}, {"ids": [...]}, {"pixels": [...]} or {"image": [...]}';

/** An input as it is encrypted or computed with, and what the model sees of it. */
export interface ReadInput {
  readonly given: ModelInput;
  readonly seen: Seen;
}

/**
 * Reads inputs, all of them before any work is done.
 * @throws UsageError for what is no input at all, MissingFileError for a file that cannot be read, DataError for what is none of
 * this model, an empty text too
 */
export async function readInputs(
  inputs: readonly Input[],
  form: InputForm,
  { resize = false, notice }: InputOptions = {},
): Promise<ReadInput[]> {
  const read: ReadInput[] = [];
  for (const [i, input] of inputs.entries()) {
    const decoded = await decodeInput(input, form, resize);
    const seen = seeInput(decoded, form);
    if ('ids' in seen && seen.cutFrom !== undefined)
      await notice?.(`${inputs.length === 1 ? 'the text' : `text ${i + 1}`} has ${seen.cutFrom} tokens, the model takes ${seen.ids.length}: the rest was cut off`); // biome-ignore format: short
    // Texts go on as the tokens that were told, with the text that each is of.
    read.push({ seen, given: 'ids' in seen ? idsOf(seen) : (decoded as ModelInput) });
  }
  return read;
}

const idsOf = ({ ids, types }: Extract<Seen, { ids: unknown }>): ModelInput => ({
  ids,
  ...(types?.some((type) => type > 0) ? { types } : {}),
});

type Decoded = Exclude<Input, string | Uint8Array | Blob | { readonly file: string }>;

async function decodeInput(input: Input, form: InputForm, resize: boolean): Promise<Decoded> {
  if (typeof input === 'string') return { text: input };
  if (input instanceof Blob) return decodeImage(new Uint8Array(await input.arrayBuffer()), 'the image', form, resize);
  if (input instanceof Uint8Array) return decodeImage(input, 'the image', form, resize);
  // Callers in plain JavaScript may give anything.
  if (typeof input !== 'object' || input === null)
    throw new UsageError(
      'an input is a text, { text }, { ids }, { pixels }, { image }, { file }, or a PNG or JPEG file as bytes or a Blob',
    );
  return 'file' in input ? decodeFile(input.file, form, resize) : input;
}

async function decodeFile(file: string, form: InputForm, resize: boolean): Promise<Decoded> {
  const bytes = await readBytes(file, 'the input');
  if (bytes.length === 0) throw new DataError(`the input ${file} is empty: ${kinds}`);
  return imageKind(bytes) === undefined ? parseInput(bytes, file) : decodeImage(bytes, file, form, resize);
}

async function decodeImage(bytes: Uint8Array, file: string, form: InputForm, resize: boolean): Promise<ModelInput> {
  if (form.kind !== 'image') throw new DataError(`${file} is an image, the model takes a text: give {"text": "..."}`);
  return { pixels: await imagePixels(bytes, file, form.preprocess, resize) };
}

function parseInput(bytes: Uint8Array, file: string): Decoded {
  const { pair, ...input } = parseForeignJson(bytes, {
    schema: inputSchema,
    maxBytes: maxInputBytes,
    // What does not follow a union of schemas would be told in many lines, none of which helps.
    refuse: (what) => new DataError(`${file} is neither a PNG or JPEG image nor an input in JSON: it ${what.split('\n')[0]!.replace(/:$/, '')}; ${kinds}`), // biome-ignore format: short
  }) as ModelInput & { readonly pair?: string };
  return pair === undefined ? input : { ...input, pair };
}
