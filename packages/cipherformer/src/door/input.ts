import { UsageError } from '@cipherformer/base';
import type { InputPreparation, ModelInput } from '@cipherformer/model';
import { imageInput } from '../input/read-input.ts';

/**
 * What a model is asked: a text, { text }, { ids } (token numbers), { pixels } (bytes 0 to 255, [channels, height, width]),
 * { image } (the same, normalised), or a PNG or JPEG file, as its bytes or a Blob.
 */
export type Input = string | ModelInput | Uint8Array | Blob;

/** How inputs are read. */
export interface InputOptions {
  /** Scale PNG and JPEG images to the model's size; their aspect ratio is not kept. Default: another size is refused. */
  readonly resize?: boolean;
}

/** Decodes images; what is none stays as it is. @throws UsageError for what is no input, and as imageInput */
export async function readInput(
  input: Input,
  preparation: InputPreparation,
  { resize = false }: InputOptions,
): Promise<ModelInput> {
  if (typeof input === 'string') return { text: input };
  const bytes = input instanceof Blob ? new Uint8Array(await input.arrayBuffer()) : input;
  if (bytes instanceof Uint8Array) return imageInput(bytes, 'the image', preparation, resize);
  // Callers in plain JavaScript may give anything.
  if (typeof bytes !== 'object' || bytes === null)
    throw new UsageError(
      'an input is a text, { text }, { ids }, { pixels }, { image }, or a PNG or JPEG file as bytes or a Blob',
    );
  return bytes;
}

/** One input, or several. */
export type Inputs = Input | readonly Input[];

/** Inputs as lists of at most `batch`, in their order. @throws UsageError for none */
export function batchesOf(inputs: Inputs, batch: number): Input[][] {
  const all = isList(inputs) ? inputs : [inputs];
  if (all.length === 0) throw new UsageError('there is no input: give at least one');
  return Array.from({ length: Math.ceil(all.length / batch) }, (_, i) => all.slice(i * batch, (i + 1) * batch));
}

export const isList = (inputs: Inputs): inputs is readonly Input[] => Array.isArray(inputs);
