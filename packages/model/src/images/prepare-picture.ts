import { DataError } from '../errors.ts';
import { onWhite, type Picture, withChannels, withoutOpacity } from './picture.ts';
import type { PictureSteps } from './picture-steps.ts';
import { resample } from './resample.ts';

/**
 * A picture as bytes [channels, height, width] of the model.
 * @throws DataError where it comes out in another size
 */
export function preparePicture(
  picture: Picture,
  steps: PictureSteps,
  { channels, height, width }: { readonly channels: 1 | 3; readonly height: number; readonly width: number },
  where: string,
): Uint8Array {
  const opaque = steps.background === 'white' ? onWhite(picture) : withoutOpacity(picture);
  let image = withChannels(opaque, channels);
  if (steps.resize) {
    const target = sizeAfter(image, steps.resize.to, where);
    image = resample(image, target.width, target.height, steps.resize.filter);
  }
  if (steps.crop) image = centreCrop(image, steps.crop);
  if (image.width !== width || image.height !== height)
    throw new DataError(
      `${where} is ${image.width} x ${image.height} pixels, the model takes ${width} x ${height}: resize it, or cut it out first.`,
    );
  const count = width * height;
  const planes = new Uint8Array(channels * count);
  for (let i = 0; i < count; i++)
    for (let c = 0; c < channels; c++) planes[c * count + i] = image.pixels[i * channels + c]!;
  return planes;
}

type Target = NonNullable<PictureSteps['resize']>['to'];

function sizeAfter({ width, height }: Picture, to: Target, where: string): { width: number; height: number } {
  if ('height' in to) return to;
  const size =
    'shortest' in to
      ? shortestEdge(width, height, to.shortest, to.longest)
      : (() => {
          const scale = Math.min(to.maxHeight / height, to.maxWidth / width);
          return { width: Math.trunc(width * scale), height: Math.trunc(height * scale) };
        })();
  // A line of pixels would become one that takes all memory.
  if (size.width < 1 || size.height < 1 || size.width * size.height > 2 ** 24)
    throw new DataError(`${where} is ${width} x ${height} pixels, far from a square: cut it out first.`);
  return size;
}

function shortestEdge(
  width: number,
  height: number,
  shortest: number,
  longest?: number,
): { width: number; height: number } {
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  if (longest === undefined) {
    const other = Math.trunc((shortest * long) / short);
    return width <= height ? { width: shortest, height: other } : { width: other, height: shortest };
  }
  // As transformers' get_size_with_aspect_ratio.
  let wanted = shortest;
  let raw: number | undefined;
  if ((long / short) * shortest > longest) {
    raw = (longest * short) / long;
    wanted = roundHalfEven(raw);
  }
  const other = (length: number, by: number) => Math.trunc(((raw ?? wanted) * length) / by);
  if ((height <= width && height === wanted) || (width <= height && width === wanted)) return { width, height };
  if (width < height) return { width: wanted, height: other(height, width) };
  return { width: other(width, height), height: wanted };
}

function roundHalfEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}

function centreCrop(picture: Picture, { width, height }: { readonly width: number; readonly height: number }): Picture {
  const { channels, pixels } = picture;
  const offset = (have: number, want: number) => Math.floor((have - want) / 2);
  const [left, top] = [offset(picture.width, width), offset(picture.height, height)];
  const result = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    const row = y + top;
    if (row < 0 || row >= picture.height) continue;
    for (let x = 0; x < width; x++) {
      const column = x + left;
      if (column < 0 || column >= picture.width) continue;
      for (let c = 0; c < channels; c++)
        result[(y * width + x) * channels + c] = pixels[(row * picture.width + column) * channels + c]!;
    }
  }
  return { width, height, channels, pixels: result };
}
