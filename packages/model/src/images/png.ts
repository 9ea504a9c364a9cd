import { decode } from 'fast-png';
import { Unzlib } from 'fflate';
import { DataError } from '../errors.ts';
import { shown } from '../untrusted/index.ts';
import type { Picture } from './picture.ts';

export const isPng = (bytes: Uint8Array): boolean =>
  [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a].every((byte, i) => bytes[i] === byte);

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colour: number;
  readonly interlaced: boolean;
}

/**
 * A PNG of any kind: grey, colours, palette, opacity, 1 to 16 bits, interlaced. Values of 16 bits keep their upper byte in
 * colour; in grey they are cut off at 255, as PIL does. Profiles and gamma are not applied.
 * @throws DataError for a damaged file, or more pixels than `maxPixels`; sizes are checked before memory is taken
 */
export function decodePng(bytes: Uint8Array, where: string, maxPixels: number): Picture {
  const damaged = (what: string) => new DataError(`${where} is a damaged PNG (${what}): save it again.`);
  const chunks = chunksOf(bytes);
  const header = headerOf(bytes, chunks);
  if (!header) throw damaged('its header is missing, or there are two');
  const { width, height } = header;
  if (width === 0 || height === 0) throw damaged('it has no pixels');
  if (width * height > maxPixels)
    throw new DataError(
      `${where} claims to have ${width} x ${height} pixels, ${maxPixels} at most are read: scale it down first.`,
    );
  if (header.interlaced && header.depth < 8)
    throw new DataError(
      `${where} is interlaced with ${header.depth} bits a value, which is not read: save it without interlacing.`,
    );
  try {
    checkInflated(bytes, chunks, header);
    return toPicture(decode(withoutProfiles(bytes, chunks)), header);
  } catch (error) {
    throw damaged(shown((error as Error).message));
  }
}

interface Chunk {
  readonly type: string;
  /** Of its length field. */
  readonly start: number;
  readonly length: number;
}

function chunksOf(bytes: Uint8Array): Chunk[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const chunks: Chunk[] = [];
  for (let start = 8; start + 12 <= bytes.length; ) {
    const length = view.getUint32(start);
    if (start + 12 + length > bytes.length) break;
    const type = String.fromCharCode(...bytes.subarray(start + 4, start + 8));
    chunks.push({ type, start, length });
    if (type === 'IEND') break;
    start += 12 + length;
  }
  return chunks;
}

function headerOf(bytes: Uint8Array, chunks: readonly Chunk[]): Header | undefined {
  const found = chunks.filter(({ type }) => type === 'IHDR');
  const [first] = found;
  if (!first || found.length > 1 || first !== chunks[0] || first.length !== 13) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + first.start + 8, 13);
  return {
    width: view.getUint32(0),
    height: view.getUint32(4),
    depth: view.getUint8(8),
    colour: view.getUint8(9),
    interlaced: view.getUint8(12) === 1,
  };
}

/** Profiles and texts are packed, too, and nobody needs them. */
function withoutProfiles(bytes: Uint8Array, chunks: readonly Chunk[]): Uint8Array {
  const kept = chunks.filter(({ type }) => ['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND'].includes(type));
  const parts = [bytes.subarray(0, 8), ...kept.map(({ start, length }) => bytes.subarray(start, start + 12 + length))];
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

/** Bytes of all rows, each begun with its filter; an interlaced picture is seven smaller ones. */
function packedSize({ width, height, depth, colour, interlaced }: Header): number {
  const bits = depth * ([1, 0, 3, 1, 2, 0, 4][colour] ?? 0);
  const size = (w: number, h: number) => (w > 0 ? h * (1 + Math.ceil((w * bits) / 8)) : 0);
  if (!interlaced) return size(width, height);
  const passes = [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]] as const; // biome-ignore format: a table
  return passes.reduce(
    (sum, [x, y, dx, dy]) => sum + size(Math.ceil((width - x) / dx), Math.max(0, Math.ceil((height - y) / dy))),
    0,
  );
}

/** Unpacks once without keeping anything: a few bytes may unpack to any number. @throws Error for less or more than the header says */
function checkInflated(bytes: Uint8Array, chunks: readonly Chunk[], header: Header): void {
  const expected = packedSize(header);
  let size = 0;
  const inflate = new Unzlib((part) => {
    size += part.length;
    // Some writers fill up the last row.
    if (size > expected + 2 ** 16) throw new Error('it unpacks to more than its size says');
  });
  const piece = 2 ** 14;
  for (const { type, start, length } of chunks) {
    if (type !== 'IDAT') continue;
    const end = Math.min(bytes.length, start + 8 + length);
    for (let at = start + 8; at < end; at += piece) inflate.push(bytes.subarray(at, Math.min(end, at + piece)));
  }
  if (size < expected) throw new Error('rows are missing');
}

type Decoded = ReturnType<typeof decode>;

function toPicture(image: Decoded, { width, height, depth, colour }: Header): Picture {
  const count = width * height;
  if (image.palette) return fromPalette(image, width, height, depth);
  const { channels } = image;
  if (!(channels >= 1 && channels <= 4)) throw new Error(`it has ${channels} channels`);
  const samples = depth < 8 ? unpack(image.data, width, height, depth) : image.data;
  const largest = 2 ** depth - 1;
  const byte = (value: number) => {
    if (depth === 16) return colour === 0 ? Math.min(255, value) : value >> 8;
    return depth === 8 ? value : Math.round((value * 255) / largest);
  };
  const values = channels as Picture['channels'];
  const key = image.transparency;
  if (!key || key.length < channels) return { width, height, channels: values, pixels: Uint8Array.from(samples, byte) };
  // One colour that is transparent.
  const pixels = new Uint8Array(count * (channels + 1));
  for (let i = 0; i < count; i++) {
    let matches = true;
    for (let c = 0; c < channels; c++) {
      const sample = samples[i * channels + c]!;
      pixels[i * (channels + 1) + c] = byte(sample);
      matches &&= sample === key[c];
    }
    pixels[i * (channels + 1) + channels] = matches ? 0 : 255;
  }
  return { width, height, channels: (channels + 1) as 2 | 4, pixels };
}

function fromPalette({ data, palette = [] }: Decoded, width: number, height: number, depth: number): Picture {
  const indices = depth < 8 ? unpack(data, width, height, depth) : data;
  const channels = palette.some((entry) => entry.length > 3) ? 4 : 3;
  const pixels = new Uint8Array(width * height * channels);
  indices.forEach((index, i) => {
    const entry = palette[index];
    if (!entry) throw new Error(`a pixel has colour ${index} of a palette of ${palette.length}`);
    pixels.set(entry.slice(0, channels), i * channels);
  });
  return { width, height, channels, pixels };
}

/** Samples of less than a byte: rows begin on whole bytes. */
function unpack(data: ArrayLike<number>, width: number, height: number, depth: number): Uint8Array {
  const stride = Math.ceil((width * depth) / 8);
  const samples = new Uint8Array(width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const bit = x * depth;
      samples[y * width + x] = (data[y * stride + (bit >> 3)]! >> (8 - depth - (bit & 7))) & (2 ** depth - 1);
    }
  return samples;
}
