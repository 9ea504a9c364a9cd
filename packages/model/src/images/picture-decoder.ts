import type { Picture } from './picture.ts';

/** `decodePicture`, loaded when the first picture comes: for bundles of browsers. */
export async function pictureDecoder(): Promise<(bytes: Uint8Array, where: string) => Promise<Picture>> {
  return (await import('./decode.ts')).decodePicture;
}
