import { DataError } from '../errors.ts';
import { isJpeg } from './jpeg-header.ts';
import type { Picture } from './picture.ts';
import { decodePng, isPng } from './png.ts';

/** A few bytes may claim any size, and have it decoded: this many pixels take two seconds. */
const maxPixels = 2 ** 24;

/** Whether the bytes begin as a picture that is read. */
export const isPicture = (bytes: Uint8Array): boolean => isPng(bytes) || isJpeg(bytes);

/** Formats that are known by their first bytes, and not read. */
const unread: readonly (readonly [string, string, number])[] = [
  ['WebP', 'WEBP', 8],
  ['GIF', 'GIF8', 0],
  ['BMP', 'BM', 0],
  ['TIFF', 'II*\0', 0],
  ['TIFF', 'MM\0*', 0],
  ['AVIF or HEIC', 'ftyp', 4],
];

/** The format of a picture that is not read; undefined where the bytes begin as none. */
export const unreadFormat = (bytes: Uint8Array): string | undefined =>
  unread.find(([, mark, at]) =>
    Array.from(mark).every((character, i) => bytes[at + i] === character.charCodeAt(0)),
  )?.[0];

/**
 * A PNG or JPEG file as a picture; a JPEG stands upright. The decoder of JPEGs is loaded with the first one.
 * @param where what to call it in messages
 * @throws DataError for a damaged file, one of another format, or one of more than 2^24 pixels
 */
export async function decodePicture(bytes: Uint8Array, where: string): Promise<Picture> {
  if (isPng(bytes)) return decodePng(bytes, where, maxPixels);
  if (isJpeg(bytes)) return (await import('./jpeg.ts')).decodeJpeg(bytes, where, maxPixels);
  const format = unreadFormat(bytes);
  throw new DataError(
    format
      ? `${where} is a ${format} picture, which is not read: save it as PNG or JPEG.`
      : `${where} is no picture that is read: save it as PNG or JPEG.`,
  );
}
