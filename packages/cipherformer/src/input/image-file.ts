import { DataError, type ImagePreprocess } from '@cipherformer/model';

/** The part of a preparation that says how large images are. */
export interface ImageSize {
  readonly patches: Pick<ImagePreprocess['patches'], 'channels' | 'height' | 'width'>;
}

/** A few bytes of PNG may claim any size, and have it decoded: this many pixels take two seconds. */
const maxPixels = 2 ** 24;

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
 * The pixels of a PNG or JPEG file as a model takes them: bytes 0 to 255, [channels, height, width]. Transparent pixels are
 * seen on white. A model of one channel gets the brightness (ITU-R BT.601).
 * @param file for messages
 * @param resize scale to the model's size (bilinear, the aspect ratio is not kept) where the image has another
 * @throws DataError for a damaged file, one of another format, or another size without `resize`
 */
export async function imagePixels(
  bytes: Uint8Array,
  file: string,
  { patches: { channels, height, width } }: ImageSize,
  resize: boolean,
): Promise<Uint8Array> {
  const kind = imageKind(bytes);
  if (kind !== 'png' && kind !== 'jpeg')
    throw new DataError(`${file} is ${kind === undefined ? 'no image' : `a ${kind} image, which is not read here`}: save it as PNG or JPEG`); // biome-ignore format: short
  if (channels !== 1 && channels !== 3)
    throw new DataError(`${file} is an image, the model takes ${channels} channels: give its numbers as JSON`);
  if (claimedPixels(bytes) > maxPixels)
    throw new DataError(
      `${file} claims to have ${claimedPixels(bytes)} pixels, ${maxPixels} at most are read: scale it down first`,
    );
  const image = await decode(bytes, file);
  const found = image.bitmap;
  if (found.width !== width || found.height !== height) {
    if (!resize)
      throw new DataError(
        `${file} is ${found.width} x ${found.height} pixels, the model takes ${width} x ${height}: ` +
          'ask to resize it (its aspect ratio is not kept), or cut it out first',
      );
    image.resize({ w: width, h: height });
  }
  return planes(image.bitmap.data, channels, width * height);
}

/** Of a PNG, the most that one of its headers says: decoders take the last. JPEG's decoder has a limit of its own. */
function claimedPixels(bytes: Uint8Array): number {
  if (imageKind(bytes) !== 'png') return 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let most = 0;
  for (let at = 8; at + 16 <= bytes.length; at += 12 + view.getUint32(at))
    if (view.getUint32(at + 4) === headerType) most = Math.max(most, view.getUint32(at + 8) * view.getUint32(at + 12));
  return most;
}
/** "IHDR" */
const headerType = 0x49484452;

async function decode(bytes: Uint8Array, file: string) {
  // Loaded when an image comes, not for every verb.
  const [{ createJimp }, { default: png }, { default: jpeg }, resizing] = await Promise.all([
    import('@jimp/core'),
    import('@jimp/js-png'),
    import('@jimp/js-jpeg'),
    import('@jimp/plugin-resize'),
  ]);
  const Image = createJimp({ formats: [png, jpeg], plugins: [resizing.methods] });
  try {
    return await Image.fromBuffer(Buffer.from(bytes));
  } catch (error) {
    // The decoders' own words help nobody: "There are some read requests waitng on finished stream".
    throw new DataError(`${file} is cut short or damaged: save it again as PNG or JPEG`, { cause: error });
  }
}

/** RGBA pixels as planes of channels, on white. */
function planes(rgba: Uint8Array, channels: 1 | 3, count: number): Uint8Array {
  const result = new Uint8Array(channels * count);
  for (let i = 0; i < count; i++) {
    const alpha = rgba[4 * i + 3]! / 255;
    const [r, g, b] = [0, 1, 2].map((c) => rgba[4 * i + c]! * alpha + 255 * (1 - alpha)) as [number, number, number];
    if (channels === 1) result[i] = Math.round(0.299 * r + 0.587 * g + 0.114 * b);
    else for (const [c, value] of [r, g, b].entries()) result[c * count + i] = Math.round(value);
  }
  return result;
}
