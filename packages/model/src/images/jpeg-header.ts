export const isJpeg = (bytes: Uint8Array): boolean => bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;

/** What the segments of a file say before its picture is decoded. */
export interface JpegHeader {
  readonly width: number;
  readonly height: number;
  readonly components: number;
  /** How often the picture is gone through. */
  readonly scans: number;
  /** 1 to 8, as EXIF numbers how the picture has to be turned. */
  readonly orientation: number;
  /** The file without comments, profiles and what follows its end: only what its values depend on. */
  readonly plain: Uint8Array<ArrayBuffer>;
}

const marks = { frame: 0xc0, tables: 0xc4, extension: 0xc8, arithmetic: 0xcc, end: 0xd9, scan: 0xda, jfif: 0xe0, exif: 0xe1, adobe: 0xee, comment: 0xfe } as const; // biome-ignore format: a list

/**
 * What is wrong with a JPEG, or its header. The whole file is walked, from marker to marker, so that a decoder gets what was
 * understood here: one frame, and as many scans as are counted. Takes the file's size in memory, and time by its length.
 */
export function jpegHeader(bytes: Uint8Array): JpegHeader | string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const parts = [bytes.subarray(0, 2)];
  let frame: Pick<JpegHeader, 'width' | 'height' | 'components'> | undefined;
  let orientation = 1;
  let scans = 0;
  for (let at = 2; at + 2 <= bytes.length; ) {
    if (bytes[at] !== 0xff) return 'a segment is missing';
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (marker === marks.end) {
      if (!frame || scans === 0) return 'it ends before its picture';
      return { ...frame, scans, orientation, plain: joined([...parts, bytes.subarray(at, at + 2)]) };
    }
    if (marker < marks.frame || (marker >= 0xd0 && marker < marks.end)) return 'a marker stands where none can be';
    if (at + 4 > bytes.length) break;
    const end = at + 2 + view.getUint16(at + 2);
    if (end < at + 4 || end > bytes.length) return 'it ends inside of a segment';
    const segment = bytes.subarray(at + 4, end);
    if (isFrame(marker)) {
      if (frame) return 'it has two pictures';
      if (marker > 0xc2) return 'it is lossless or arithmetically coded';
      frame = frameOf(segment);
      if (!frame) return 'its header is too short, or has no pixels';
    }
    if (marker === marks.exif) orientation = exifOrientation(segment) ?? orientation;
    let next = end;
    if (marker === marks.scan) {
      if (!frame) return 'it has no header';
      scans += 1;
      next = endOfScan(bytes, end);
    }
    if (marker < marks.jfif || isColourNote(marker, segment)) parts.push(bytes.subarray(at, next));
    at = next;
  }
  return 'it ends before its picture';
}

const isFrame = (marker: number) =>
  marker >= marks.frame &&
  marker <= 0xcf &&
  marker !== marks.tables &&
  marker !== marks.extension &&
  marker !== marks.arithmetic;

/** The two notes of applications that say what the components mean: JFIF's and Adobe's. */
const isColourNote = (marker: number, segment: Uint8Array) =>
  (marker === marks.jfif && text(segment, 0, 5) === 'JFIF\0') ||
  (marker === marks.adobe && text(segment, 0, 5) === 'Adobe');

/** Where the coded values that begin at `start` are followed by a marker: 255 before a 0 is a value, restarts belong to them. */
function endOfScan(bytes: Uint8Array, start: number): number {
  for (let at = start; ; ) {
    at = bytes.indexOf(0xff, at);
    if (at < 0 || at + 1 >= bytes.length) return bytes.length;
    const marker = bytes[at + 1]!;
    if (marker !== 0 && marker !== 0xff && !(marker >= 0xd0 && marker <= 0xd7)) return at;
    at += marker === 0xff ? 1 : 2;
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let to = 0;
  for (const part of parts) {
    whole.set(part, to);
    to += part.length;
  }
  return whole;
}

const text = (bytes: Uint8Array, from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to));

function frameOf(segment: Uint8Array): Pick<JpegHeader, 'width' | 'height' | 'components'> | undefined {
  const components = segment[5] ?? 0;
  if (components === 0 || segment.length < 6 + 3 * components || segment[0] !== 8) return undefined;
  const height = segment[1]! * 256 + segment[2]!;
  const width = segment[3]! * 256 + segment[4]!;
  return width > 0 && height > 0 ? { width, height, components } : undefined;
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
