import { decode } from 'jpeg-js';
import { DataError } from '../errors.ts';
import { shown } from '../untrusted/index.ts';
import { oriented, type Picture } from './picture.ts';

export const isJpeg = (bytes: Uint8Array): boolean => bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;

/** What the segments of a file say before its picture is decoded. */
interface Header {
  readonly width: number;
  readonly height: number;
  /** Sampling factors, across and down, of each component. */
  readonly sampling: readonly (readonly [number, number])[];
  /** 1 to 8, as EXIF numbers how the picture has to be turned. */
  readonly orientation: number;
  /** Adobe's word on whether three components are red, green and blue. */
  readonly rgb: boolean;
  /** The file without the segments of applications, which decoders obey. */
  readonly plain: Uint8Array;
}

/**
 * A JPEG, upright as its EXIF orientation says. Colours are put together from their components as libjpeg does it
 * (triangle filter, integers), so that values differ from PIL's by the rounding of the inverse transform alone.
 * @throws DataError for a damaged file, more pixels than `maxPixels`, or four components (CMYK)
 */
export function decodeJpeg(bytes: Uint8Array, where: string, maxPixels: number): Picture {
  const damaged = (what: string) => new DataError(`${where} is a damaged JPEG (${what}): save it again.`);
  const header = headerOf(bytes);
  if (typeof header === 'string') throw damaged(header);
  const { width, height, sampling, orientation, rgb, plain } = header;
  if (width * height > maxPixels)
    throw new DataError(
      `${where} claims to have ${width} x ${height} pixels, ${maxPixels} at most are read: scale it down first.`,
    );
  if (sampling.length !== 1 && sampling.length !== 3)
    throw new DataError(
      `${where} is a JPEG of ${sampling.length} components (CMYK?), grey and colours are read: save it as RGB.`,
    );
  let data: Uint8Array;
  try {
    const options = { useTArray: true, colorTransform: false, formatAsRGBA: false, tolerantDecoding: false } as const;
    const decoded = decode(plain, { ...options, maxResolutionInMP: maxPixels / 1e6 + 1, maxMemoryUsageInMB: 2048 });
    if (decoded.width !== width || decoded.height !== height) throw new Error('it has two sizes');
    data = decoded.data;
  } catch (error) {
    throw damaged(shown((error as Error).message));
  }
  const planes = sampling.map((_, c) => data.filter((__, i) => i % 3 === c));
  if (sampling.length === 1) return oriented({ width, height, channels: 1, pixels: planes[0]! }, orientation);
  const [acrossMost, downMost] = [0, 1].map((axis) => Math.max(...sampling.map((factors) => factors[axis]!)));
  const full = planes.map((plane, c) => {
    const [across, down] = sampling[c]!;
    return smooth(plane, width, height, acrossMost! / across, downMost! / down);
  });
  return oriented({ width, height, channels: 3, pixels: rgb ? interleave(full) : toRgb(full) }, orientation);
}

/** What is wrong, or the header. */
function headerOf(bytes: Uint8Array): Header | string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const parts = [bytes.subarray(0, 2)];
  let frame: Pick<Header, 'width' | 'height' | 'sampling'> | undefined;
  let orientation = 1;
  let rgb = false;
  for (let at = 2; at + 4 <= bytes.length; ) {
    if (bytes[at] !== 0xff) return 'a segment is missing';
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const length = view.getUint16(at + 2);
    const end = at + 2 + length;
    if (length < 2 || end > bytes.length) return 'it ends inside of a segment';
    const segment = bytes.subarray(at + 4, end);
    if (marker === 0xe1) orientation = exifOrientation(segment) ?? orientation;
    if (marker === 0xee && text(segment, 0, 5) === 'Adobe' && segment.length >= 12) rgb = segment[11] === 0;
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      if (frame) return 'it has two pictures';
      if (marker > 0xc2) return 'it is lossless or arithmetically coded';
      frame = frameOf(segment);
      if (!frame) return 'its header is too short, or has no pixels';
    }
    if (marker === 0xda) {
      if (!frame) return 'it has no header';
      const plain = new Uint8Array(parts.reduce((sum, part) => sum + part.length, bytes.length - at));
      let to = 0;
      for (const part of [...parts, bytes.subarray(at)]) {
        plain.set(part, to);
        to += part.length;
      }
      return { ...frame, orientation, rgb, plain };
    }
    if (marker < 0xe0 || marker === 0xfe) parts.push(bytes.subarray(at, end));
    at = end;
  }
  return 'it ends before its picture';
}

const text = (bytes: Uint8Array, from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to));

function frameOf(segment: Uint8Array): Pick<Header, 'width' | 'height' | 'sampling'> | undefined {
  const count = segment[5] ?? 0;
  if (count === 0 || segment.length < 6 + 3 * count || segment[0] !== 8) return undefined;
  const height = segment[1]! * 256 + segment[2]!;
  const width = segment[3]! * 256 + segment[4]!;
  const sampling = Array.from({ length: count }, (_, i) => {
    const factors = segment[7 + 3 * i]!;
    return [factors >> 4, factors & 15] as const;
  });
  const legal = sampling.every(([across, down]) => across >= 1 && across <= 4 && down >= 1 && down <= 4);
  return width > 0 && height > 0 && legal ? { width, height, sampling } : undefined;
}

/** Tag 274 of the first directory of an EXIF segment; undefined where there is none, or no sense in it. */
function exifOrientation(segment: Uint8Array): number | undefined {
  if (text(segment, 0, 6) !== 'Exif\0\0' || segment.length < 14) return undefined;
  const tiff = new DataView(segment.buffer, segment.byteOffset + 6, segment.length - 6);
  const little = tiff.getUint16(0) === 0x4949;
  const start = tiff.getUint32(4, little);
  if (start + 2 > tiff.byteLength) return undefined;
  const entries = tiff.getUint16(start, little);
  for (let at = start + 2; at < start + 2 + 12 * entries && at + 12 <= tiff.byteLength; at += 12) {
    if (tiff.getUint16(at, little) === 274 && tiff.getUint16(at + 2, little) === 3)
      return tiff.getUint16(at + 8, little);
  }
  return undefined;
}

/**
 * A component as large as the picture. Halved ones, whose values the decoder has only repeated, are smoothed as libjpeg
 * does ("fancy upsampling"): three quarters of the nearer value, one of the other.
 */
function smooth(plane: Uint8Array, width: number, height: number, across: number, down: number): Uint8Array {
  const halfWidth = Math.ceil(width / 2);
  // libjpeg leaves narrow pictures as they are.
  if (!((across === 2 && (down === 1 || down === 2) && halfWidth > 2) || (across === 1 && down === 2))) return plane;
  const result = new Uint8Array(plane.length);
  const columns = across === 2 ? halfWidth : width;
  const at = (x: number, y: number) => plane[Math.min(height - 1, y * down) * width + x * across]!;
  const lastRow = Math.ceil(height / down) - 1;
  const sums = new Int32Array(columns);
  for (let y = 0; y < height; y++) {
    const near = Math.floor(y / down);
    const far = Math.min(lastRow, Math.max(0, near + (y % 2 === 0 ? -1 : 1)));
    for (let x = 0; x < columns; x++) sums[x] = down === 2 ? 3 * at(x, near) + at(x, far) : at(x, near);
    const scale = down === 2 ? 4 : 1;
    for (let x = 0; x < width; x++) {
      const to = y * width + x;
      if (across === 1) {
        result[to] = (sums[x]! + (y % 2 === 0 ? 1 : 2)) >> 2;
        continue;
      }
      const i = x >> 1;
      const other = x % 2 === 0 ? i - 1 : i + 1;
      const bias = down === 2 ? (x % 2 === 0 ? 8 : 7) : x % 2 === 0 ? 1 : 2;
      const sum = other < 0 || other >= columns ? 4 * sums[i]! : 3 * sums[i]! + sums[other]!;
      result[to] = Math.floor((sum + bias) / (4 * scale));
    }
  }
  return result;
}

function interleave(planes: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(3 * planes[0]!.length);
  planes.forEach((plane, c) => {
    for (let i = 0; i < plane.length; i++) result[3 * i + c] = plane[i]!;
  });
  return result;
}

const fixed = (value: number) => Math.floor(value * 65536 + 0.5);
const byte = (value: number) => Math.min(255, Math.max(0, value));

/** Brightness and colour differences as red, green and blue, in integers of 16 bits after the point. */
function toRgb([ys, cbs, crs]: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(3 * ys!.length);
  for (let i = 0; i < ys!.length; i++) {
    const [y, cb, cr] = [ys![i]!, cbs![i]! - 128, crs![i]! - 128];
    result[3 * i] = byte(y + ((fixed(1.402) * cr + 32768) >> 16));
    result[3 * i + 1] = byte(y + ((-fixed(0.34414) * cb - fixed(0.71414) * cr + 32768) >> 16));
    result[3 * i + 2] = byte(y + ((fixed(1.772) * cb + 32768) >> 16));
  }
  return result;
}
