import { DataError, decodePicture, type ImagePreprocess, picturePixels } from '@cipherformer/model';

/** What the first bytes of a file say it is; undefined for anything that is no image we know of. */
export function imageKind(bytes: Uint8Array): 'png' | 'jpeg' | 'WebP' | 'GIF' | 'BMP' | undefined {
  const starts = (signature: readonly number[], at = 0) => signature.every((byte, i) => bytes[at + i] === byte);
  if (starts([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])) return 'png';
  if (starts([0xff, 0xd8, 0xff])) return 'jpeg';
  if (starts([0x52, 0x49, 0x46, 0x46]) && starts([0x57, 0x45, 0x42, 0x50], 8)) return 'WebP';
  if (starts([0x47, 0x49, 0x46, 0x38])) return 'GIF';
  if (starts([0x42, 0x4d]) && bytes.length > 26 && starts([0, 0, 0, 0], 6)) return 'BMP';
  return undefined;
}

/**
 * The pixels of a PNG or JPEG file as a model takes them: bytes 0 to 255, [channels, height, width], scaled and cut as the
 * model's preparation says. A model of one channel gets the brightness (ITU-R BT.601).
 * @param file for messages
 * @param resize where the preparation says nothing, scale to the model's size (bilinear, the aspect ratio is not kept)
 * @throws DataError for a damaged file, one of another format, or another size than the model's in the end
 */
export async function imagePixels(
  bytes: Uint8Array,
  file: string,
  { patches, picture }: Pick<ImagePreprocess, 'patches' | 'picture'>,
  resize: boolean,
): Promise<Uint8Array> {
  const kind = imageKind(bytes);
  if (kind !== 'png' && kind !== 'jpeg')
    throw new DataError(`${file} is ${kind === undefined ? 'no image' : `a ${kind} image, which is not read here`}: save it as PNG or JPEG`); // biome-ignore format: short
  const { height, width } = patches;
  // Without a word of the model's maker, white is what people see through transparent pixels.
  const scaled = resize ? { resize: { to: { height, width }, filter: 'bilinear' } as const } : {};
  const steps = picture ?? { background: 'white' as const, ...scaled };
  return picturePixels({ patches, picture: steps }, await decodePicture(bytes, file), file);
}
