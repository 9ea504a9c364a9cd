import { UsageError } from '@cipherformer/base';
import type { ModelInput } from '@cipherformer/model';

/**
 * What a model is asked: a text, { text } or with { pair } two, { ids } (token numbers), { pixels } (bytes 0 to 255,
 * [channels, height, width]), { image } (the same, normalised), a PNG or JPEG file as its bytes or a Blob, or { file }: the path
 * of one, or of JSON with one of these objects.
 */
export type Input =
  | string
  | ModelInput
  | { readonly text: string; readonly pair?: string }
  | { readonly file: string }
  | Uint8Array
  | Blob;

/** One input, or several. */
export type Inputs = Input | readonly Input[];

/** How inputs are read. */
export interface InputOptions {
  /** Scale PNG and JPEG images to the model's size; their aspect ratio is not kept. Default: another size is refused. */
  readonly resize?: boolean;
  /** Hears of texts that are longer than the model takes, so that a part of them is cut off. Default: nobody. */
  readonly notice?: (text: string) => void | Promise<void>;
}

const isMany = (inputs: Inputs): inputs is readonly Input[] => Array.isArray(inputs);

/** @throws UsageError for none */
export function listOf(inputs: Inputs): readonly Input[] {
  const all = isMany(inputs) ? inputs : [inputs];
  if (all.length === 0) throw new UsageError('there is no input: give at least one');
  return all;
}

/** Lists of at most `size`, in their order. */
export function batchesOf<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));
}
