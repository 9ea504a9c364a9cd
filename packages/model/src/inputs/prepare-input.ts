import { DataError } from '../errors.ts';
import type { Picture } from '../images/picture.ts';
import { preparePicture } from '../images/picture-steps.ts';
import type { GraphInputs } from '../operations/definition.ts';
import { encodeTexts, huggingFaceTokenizer, type Tokenizer } from '../text/tokenizer.ts';
import { embedTokens } from './embedding.ts';
import { patchIndices } from './patches.ts';
import { normalisePixels } from './pixels.ts';
import type { ImagePreprocess, InputPreparation, TextPreprocess } from './preprocess.ts';

/** What a person has: an image, or a text. */
export type ModelInput =
  /** A decoded picture, scaled and cut as the model's preparation says. */
  | { readonly picture: Picture }
  /** Bytes 0 to 255, [channels, height, width]. */
  | { readonly pixels: ArrayLike<number> }
  /** An image already normalised, [channels, height, width]. */
  | { readonly image: ArrayLike<number> }
  | { readonly text: string }
  /** Token numbers, without padding. */
  | { readonly ids: readonly number[] };

/**
 * The input matrices of the model's graph, made on the client before encryption: windows of pixels, or embedded tokens
 * with their mask and pooling column. Texts longer than the sequence are cut: a classifier reads the beginning, a
 * language model the end.
 * @throws DataError where the input is not of the model's kind or size
 */
export function prepareInput(model: InputPreparation, input: ModelInput): GraphInputs {
  const { preprocess } = model;
  if (preprocess.kind === 'image') {
    return { patches: extractPatches(preprocess, imageValues(preprocess, input)) };
  }
  const { tokens } = model.graph;
  if ('ids' in input) return textInputs(model, preprocess, input.ids);
  if (!('text' in input)) throw new DataError('The model takes a text: give { text } or { ids }.');
  const tokenizer = tokenizerOf(preprocess);
  const ids =
    model.task === 'language-model'
      ? tokenizer.encodeInput(input.text).ids
      : [...encodeTexts([input.text], tokenizer, tokens)[0]!];
  return textInputs(model, preprocess, ids);
}

/** The values of an image as the model takes them, [channels, height, width]. @throws DataError as prepareInput */
export function imageValues(preprocess: ImagePreprocess, input: ModelInput): ArrayLike<number> {
  if ('picture' in input) return normalised(preprocess, picturePixels(preprocess, input.picture, 'The image'));
  if (!('pixels' in input || 'image' in input))
    throw new DataError('The model takes an image: give { picture }, { pixels } or { image }.');
  checkSize(preprocess, 'pixels' in input ? input.pixels : input.image);
  return 'pixels' in input ? normalised(preprocess, input.pixels) : input.image;
}

/** The part of a preparation that decides what becomes of a picture. */
export interface PictureForm {
  readonly patches: Pick<ImagePreprocess['patches'], 'channels' | 'height' | 'width'>;
  readonly picture?: ImagePreprocess['picture'];
}

/**
 * A picture as bytes [channels, height, width] of a model.
 * @throws DataError where it comes out in another size than the model's, or the model takes neither 1 nor 3 channels
 */
export function picturePixels(
  { patches: { channels, height, width }, picture: steps = {} }: PictureForm,
  picture: Picture,
  where: string,
): Uint8Array {
  if (channels !== 1 && channels !== 3)
    throw new DataError(`${where} is a picture, the model takes ${channels} channels: give its numbers.`);
  return preparePicture(picture, steps, { channels, height, width }, where);
}

function normalised({ normalise }: ImagePreprocess, pixels: ArrayLike<number>): Float64Array {
  const image = new Float64Array(pixels.length);
  normalisePixels(pixels, 0, pixels.length, normalise, image, 0);
  return image;
}

function checkSize({ patches: { channels, height, width } }: ImagePreprocess, values: ArrayLike<number>): void {
  const size = channels * height * width;
  if (values.length !== size) {
    throw new DataError(
      `The image has ${values.length} values where the model needs ${size} [${channels}, ${height}, ${width}].`,
    );
  }
}

/** Patch vectors [tokens, patch values]; windows reach into zeros around the image, a class token's row is zero. */
function extractPatches({ patches }: ImagePreprocess, image: ArrayLike<number>): Float64Array {
  const { channels, patch, classToken } = patches;
  const indices = patchIndices(patches);
  const start = classToken ? channels * patch ** 2 : 0;
  const result = new Float64Array(start + indices.length);
  indices.forEach((pixel, i) => {
    if (pixel < image.length) result[start + i] = image[pixel]!;
  });
  return result;
}

function textInputs(
  model: InputPreparation,
  { embedding, padding }: TextPreprocess,
  given: readonly number[],
): GraphInputs {
  const { tokens } = model.graph;
  if (given.length === 0)
    throw new DataError('The text has no token: give at least one character the tokenizer knows.');
  const next = model.task === 'language-model';
  const ids = next ? given.slice(-tokens) : given.slice(0, tokens);
  const real = ids.length;
  const padded = Array.from({ length: tokens }, (_, t) => ids[t] ?? padding);
  const column = (value: (t: number) => number) => Float64Array.from({ length: tokens }, (_, t) => value(t));
  return {
    embedded: embedTokens(embedding, padded),
    mask: column((t) => (t < real ? 1 : 0)),
    pooling: next ? column((t) => (t === real - 1 ? 1 : 0)) : column((t) => (t < real ? 1 / real : 0)),
  };
}

/** The embedded row [width] of the last of these tokens at its place: what one step of a generation takes. @throws as prepareInput */
export function prepareNextToken({ preprocess }: InputPreparation, ids: readonly number[]): GraphInputs {
  if (preprocess.kind !== 'text') throw new DataError('The model takes images: only a model of texts goes on.');
  const { embedding } = preprocess;
  return { embedded: embedTokens(embedding, ids).slice(-embedding.token.columns) };
}

/** What cuts texts into a model's tokens. @throws DataError for a model of images, or one without tokenizer files */
export function tokenizerFor({ preprocess }: InputPreparation): Tokenizer {
  if (preprocess.kind !== 'text') throw new DataError('The model takes images: it has no tokens.');
  return tokenizerOf(preprocess);
}

const tokenizers = new WeakMap<TextPreprocess, Tokenizer>();

function tokenizerOf(preprocess: TextPreprocess): Tokenizer {
  const known = tokenizers.get(preprocess);
  if (known) return known;
  if (!preprocess.tokenizer) throw new DataError('The model has no tokenizer files: give token numbers as { ids }.');
  const tokenizer = huggingFaceTokenizer(preprocess.tokenizer);
  tokenizers.set(preprocess, tokenizer);
  return tokenizer;
}
