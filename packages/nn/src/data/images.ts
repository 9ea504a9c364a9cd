import { DataError, type Normalisation, normalisePixels } from '@cipherformer/model';
import { readBytes } from '@cipherformer/model/files';
import type { NamedBytes } from '@cipherformer/model/untrusted';

export interface ImageShape {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** Labelled images in memory, 8 bits a value. */
export interface ImageSet extends ImageShape {
  readonly count: number;
  /** [count, channels, height, width]. */
  readonly pixels: Uint8Array;
  readonly labels: Uint8Array;
}

export const imageSize = ({ channels, height, width }: ImageShape): number => channels * height * width;

const namedBytes = (paths: readonly string[]): NamedBytes[] =>
  paths.map((where) => ({ where, bytes: readBytes(where) }));

/** CIFAR-10 binary: records of one label byte and 3072 bytes (red, green, blue planes, 32 x 32 each). */
export const readCifar10 = (paths: readonly string[]): ImageSet => parseCifar10(namedBytes(paths));

/** CIFAR-100 binary: as CIFAR-10's, with two bytes of labels, the coarse class and the fine one, which is taken. */
export const readCifar100 = (paths: readonly string[]): ImageSet => parseCifar(namedBytes(paths), 2, 100);

/** @throws DataError naming the file, the record and what is allowed */
export const parseCifar10 = (files: readonly NamedBytes[]): ImageSet => parseCifar(files, 1, 10);

/** CIFAR-10, or CIFAR-100 with two bytes of labels, of which the second is the class. Errors as parseCifar10. */
export function parseCifar(files: readonly NamedBytes[], labelBytes: 1 | 2, classes: number): ImageSet {
  const record = labelBytes + 3072;
  for (const { where, bytes } of files) {
    if (bytes.length === 0 || bytes.length % record !== 0)
      throw new DataError(
        `${where}: ${bytes.length} bytes is not a whole number of CIFAR-${classes} records (${record} bytes). Truncated?`,
      );
  }
  const count = files.reduce((sum, { bytes }) => sum + bytes.length / record, 0);
  const pixels = new Uint8Array(count * 3072);
  const labels = new Uint8Array(count);
  let i = 0;
  for (const { where, bytes } of files) {
    for (let offset = 0; offset < bytes.length; offset += record, i++) {
      labels[i] = bytes[offset + labelBytes - 1]!;
      pixels.set(bytes.subarray(offset + labelBytes, offset + record), i * 3072);
    }
    checkLabels(labels.subarray(i - bytes.length / record, i), classes, where);
  }
  return { channels: 3, height: 32, width: 32, count, pixels, labels };
}

/** MNIST IDX: big-endian header (magic 2051, count, rows, columns), then bytes; labels with magic 2049. */
export const readMnist = (imagePath: string, labelPath: string, classes = 10): ImageSet =>
  parseMnist(
    { where: imagePath, bytes: readBytes(imagePath) },
    { where: labelPath, bytes: readBytes(labelPath) },
    classes,
  );

/** @throws DataError naming the file, the value and what is allowed */
export function parseMnist(imageFile: NamedBytes, labelFile: NamedBytes, classes = 10): ImageSet {
  const images = idx(imageFile, 2051, 3);
  const labels = idx(labelFile, 2049, 1);
  const [count, height, width] = images.sizes as [number, number, number];
  if (labels.sizes[0] !== count)
    throw new DataError(
      `${imageFile.where} has ${count} images, ${labelFile.where} ${labels.sizes[0]} labels: give the two files of one set.`,
    );
  checkLabels(labels.data, classes, labelFile.where);
  return { channels: 1, height, width, count, pixels: images.data, labels: labels.data };
}

function idx({ where, bytes }: NamedBytes, magic: number, rank: number): { sizes: number[]; data: Uint8Array } {
  const header = 4 + 4 * rank;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < header || view.getUint32(0) !== magic)
    throw new DataError(`${where} is not an IDX file of rank ${rank} (its magic number is not ${magic}).`);
  const sizes = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  if (sizes.includes(0)) throw new DataError(`${where} announces ${sizes.join(' x ')} values: it is empty.`);
  const expected = sizes.reduce((a, b) => a * b, 1);
  if (bytes.length - header !== expected)
    throw new DataError(
      `${where} announces ${sizes.join(' x ')} values and holds ${bytes.length - header}. Truncated?`,
    );
  return { sizes, data: bytes.slice(header) };
}

function checkLabels(labels: Uint8Array, classes: number, where: string): void {
  const wrong = labels.findIndex((label) => label >= classes);
  if (wrong >= 0)
    throw new DataError(
      `${where}: image ${wrong + 1} has the label ${labels[wrong]}, classes are 0 to ${classes - 1}. Is it of another data set?`,
    );
}

/** Images [start, end) of a set, sharing its memory. */
export function sliceImages(set: ImageSet, start: number, end: number): ImageSet {
  const size = imageSize(set);
  return {
    ...set,
    count: end - start,
    pixels: set.pixels.subarray(start * size, end * size),
    labels: set.labels.subarray(start, end),
  };
}

/** Writes image `index`, normalised, to `target` at `offset`. */
export function normaliseImage(
  set: ImageSet,
  index: number,
  normalisation: Normalisation,
  target: Float32Array,
  offset: number,
): void {
  const size = imageSize(set);
  normalisePixels(set.pixels, index * size, size, normalisation, target, offset);
}
