import { DataError, MissingFileError, preparePicture } from '@cipherformer/model';
import { readBytes } from '@cipherformer/model/files';
import { shown } from '@cipherformer/model/untrusted';
import { isMisfit, Misfits, type SourceExample } from '../sources/source.ts';
import { type ImageSet, type ImageShape, imageSize } from './images.ts';
import { openSources } from './open-sources.ts';

/** A class, and how labels may be written that mean it, besides its number. */
export interface PictureClass {
  readonly mark: string;
  readonly name: string;
}

/** Labels of images are bytes. */
const mostClasses = 256;

/** A class a line: its name, or a mark, a tab and its name. @throws DataError for none, too many or two of one mark */
export function readClasses(path: string): PictureClass[] {
  return parseClasses(new TextDecoder().decode(readBytes(path)), path);
}

export function parseClasses(text: string, where: string): PictureClass[] {
  const classes = text
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [mark, name = mark] = line.split('\t') as [string, string?];
      return { mark: mark.trim(), name: name.trim() };
    });
  if (classes.length < 2 || classes.length > mostClasses)
    throw new DataError(
      `${where} names ${classes.length} classes: give 2 to ${mostClasses}, one a line (labels of images are bytes).`,
    );
  const twice = classes.find(({ mark }, i) => classes.findIndex((one) => one.mark === mark) !== i);
  if (twice) throw new DataError(`${where} names the class ${shown(twice.mark)} twice: give each one once.`);
  return classes;
}

/**
 * The pictures of Parquet files and folders as one set, read one after the other.
 * @throws DataError for pictures that cannot be read, are of another size or have a label that is no class: how many, and
 * the first three
 */
export async function readPictures(
  paths: readonly string[],
  classes: readonly PictureClass[],
  image: ImageShape,
): Promise<ImageSet> {
  const numbers = new Map(
    classes.flatMap(
      ({ mark, name }, i) =>
        [
          [`${i}`, i],
          [name, i],
          [mark, i],
        ] as const,
    ),
  );
  const misfits = new Misfits();
  const pixels: Uint8Array[] = [];
  const labels: number[] = [];
  for (const path of paths)
    for (const source of await openSources(path, {})) {
      if (source.kind !== 'image') throw new DataError(`${path} has texts where pictures are needed.`);
      for await (const example of source.examples()) {
        const read = isMisfit(example) ? example : readOne(example, image, numbers);
        if ('problem' in read) misfits.add(read);
        else {
          pixels.push(read.pixels);
          labels.push(read.label);
        }
      }
    }
  misfits.refuse(paths.join(', '));
  if (labels.length === 0) throw new MissingFileError(`${paths.join(', ')} has no pictures. Check the path.`);
  const size = imageSize(image);
  const all = new Uint8Array(pixels.length * size);
  for (const [i, one] of pixels.entries()) all.set(one, i * size);
  const { channels, height, width } = image;
  return { channels, height, width, count: labels.length, pixels: all, labels: Uint8Array.from(labels) };
}

function readOne(
  { place, picture, label }: SourceExample,
  image: ImageShape,
  numbers: ReadonlyMap<string, number>,
): { readonly pixels: Uint8Array; readonly label: number } | { readonly place: string; readonly problem: string } {
  const number = numbers.get(label ?? '');
  if (number === undefined) return { place, problem: `its label ${shown(label)} is no class` };
  const { channels, height, width } = image;
  try {
    const size = { channels: channels as 1 | 3, height, width };
    return { pixels: preparePicture(picture!, {}, size, 'it'), label: number };
  } catch (error) {
    if (error instanceof DataError) return { place, problem: error.message };
    throw error;
  }
}

/** @throws DataError for a list of classes that are not all in the training images: it is of another data set */
export function checkEveryClass({ labels }: ImageSet, classes: readonly PictureClass[], where: string): void {
  const seen = new Set(labels);
  const missing = classes.findIndex((_, i) => !seen.has(i));
  if (missing >= 0)
    throw new DataError(
      `${where} names ${classes.length} classes, of which the training images have ${seen.size}: none is ${shown(classes[missing]!.name)}. Is the list of another data set?`,
    );
}
