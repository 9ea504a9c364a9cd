import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DataError, type Picture } from '@cipherformer/model';
import { readBytes } from '@cipherformer/model/files';
import type { SplitName } from '../sources/parts.ts';
import type { Source } from '../sources/source.ts';
import { type ImageSet, imageSize, parseCifar, parseMnist } from './images.ts';

/** Images of the IDX files (MNIST and its relatives) or CIFAR binaries that a folder has; undefined where it has none. */
export function openByteImages(folder: string): Source[] | undefined {
  const names = readdirSync(folder);
  const path = (pattern: RegExp) => names.filter((name) => pattern.test(name)).sort().map((name) => join(folder, name)); // biome-ignore format: a line
  const idx = (part: SplitName, prefix: string): Source[] =>
    path(new RegExp(`^${prefix}.*images.*idx3.*$`)).map((images) => {
      // Of the file's name alone: folders may be called "images", too.
      const labels = join(folder, basename(images).replace('images', 'labels').replace('idx3', 'idx1'));
      if (!existsSync(labels)) throw new DataError(`${images} has no labels beside it: ${labels} is missing.`);
      const file = (where: string) => ({ where, bytes: readBytes(where) });
      return sourceOf(() => parseMnist(file(images), file(labels), 256), part);
    });
  const cifar = (part: SplitName, pattern: RegExp, labelBytes: 1 | 2, classes: number): Source[] => {
    const files = path(pattern);
    const read = () =>
      parseCifar(
        files.map((where) => ({ where, bytes: readBytes(where) })),
        labelBytes,
        classes,
      );
    return files.length > 0 ? [sourceOf(read, part)] : [];
  };
  const found = [
    ...idx('train', 'train'),
    ...idx('test', '(t10k|test)'),
    ...cifar('train', /^data_batch_\d+\.bin(\.gz)?$/, 1, 10),
    ...cifar('test', /^test_batch\.bin(\.gz)?$/, 1, 10),
    ...cifar('train', /^train\.bin(\.gz)?$/, 2, 100),
    ...cifar('test', /^test\.bin(\.gz)?$/, 2, 100),
  ];
  return found.length > 0 ? found : undefined;
}

function sourceOf(read: () => ImageSet, part: SplitName): Source {
  return {
    kind: 'image',
    part,
    async *examples() {
      const set = read();
      for (let i = 0; i < set.count; i++)
        yield { place: `${part}, image ${i + 1}`, picture: pictureOf(set, i), label: `${set.labels[i]}` };
    },
  };
}

/** Planes as pixels. */
function pictureOf(set: ImageSet, index: number): Picture {
  const { channels, height, width } = set;
  const count = height * width;
  const from = index * imageSize(set);
  const pixels = new Uint8Array(imageSize(set));
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < count; i++) pixels[i * channels + c] = set.pixels[from + c * count + i]!;
  return { width, height, channels: channels as 1 | 3, pixels };
}
