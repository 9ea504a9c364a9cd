import { UsageError } from '@cipherformer/base';
import type { InputPreparation, ModelInput } from '@cipherformer/model';
import { imageInput } from '../input/read-input.ts';

/** What a model is asked: { text }, { ids }, { pixels }, { image }, or the bytes of a PNG or JPEG file. */
export type Input = ModelInput | Uint8Array;

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
  if (input instanceof Uint8Array) return imageInput(input, 'the image', preparation, resize);
  // Callers in plain JavaScript give a text itself, or nothing.
  if (typeof input !== 'object' || input === null)
    throw new UsageError('an input is { text }, { ids }, { pixels }, { image }, or the bytes of a PNG or JPEG file');
  return input;
}
