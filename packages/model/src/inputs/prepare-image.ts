import { DataError } from '../errors.ts';
import type { Picture } from '../images/picture.ts';
import { preparePicture } from '../images/prepare-picture.ts';
import type { GraphInputs } from '../operations/definition.ts';
import { embedPatches } from './embedding.ts';
import type { ModelInput } from './model-input.ts';
import { patchIndices } from './patches.ts';
import { normalisePixels } from './pixels.ts';
import type { ImagePreprocess } from './preprocess.ts';

/** Windows of an image's pixels, embedded where that is the client's. @throws DataError where the input is no image, or of another size */
export function prepareImage(preprocess: ImagePreprocess, input: ModelInput): GraphInputs {
  const patches = extractPatches(preprocess, imageValues(preprocess, input));
  return preprocess.embedding ? { embedded: embedPatches(preprocess.embedding, patches) } : { patches };
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
