import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DataError, decodePicture, isPicture } from '@cipherformer/model';
import type { SplitName } from './parts.ts';
import type { Misfit, Source, SourceExample } from './source.ts';

/** Largest file of a picture that is read. */
const maxFileBytes = 2 ** 27;

/** Names that folders of parts have. */
export const partNames = new Map<string, SplitName>([
  ['train', 'train'],
  ['training', 'train'],
  ['validation', 'validation'],
  ['valid', 'validation'],
  ['val', 'validation'],
  ['dev', 'validation'],
  ['test', 'test'],
]);

/** What of a folder is there to be read: not what systems hide, no links, which could lead out of it. */
const entries = (folder: string) =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !/^(\.|Thumbs\.db$|desktop\.ini$)/i.test(entry.name) && (entry.isDirectory() || entry.isFile()))
    .sort((a, b) => (a.name < b.name ? -1 : 1));

/**
 * Pictures of a folder: a folder for each class, or all in one without labels; in folders of parts (train, validation,
 * test) where there are some. Files are read one after the other.
 * @throws DataError for a folder that has neither pictures nor folders of them
 */
export function openImageFolder(folder: string): Source[] {
  const parts = entries(folder).filter((entry) => entry.isDirectory() && partNames.has(entry.name.toLowerCase()));
  if (parts.some(({ name }) => partNames.get(name.toLowerCase()) === 'train'))
    return parts.map(({ name }) => imagesOf(join(folder, name), partNames.get(name.toLowerCase())));
  return [imagesOf(folder, undefined)];
}

function imagesOf(folder: string, part: SplitName | undefined): Source {
  const folders = entries(folder).filter((entry) => entry.isDirectory());
  const files = entries(folder).filter((entry) => entry.isFile());
  if (folders.length === 0 && files.length === 0) throw new DataError(`${folder} is empty.`);
  if (folders.length > 0 && files.length > 0)
    throw new DataError(
      `${folder} has folders (${folders[0]!.name}) and files (${files[0]!.name}): put every picture into the folder of its class.`,
    );
  return {
    kind: 'image',
    part,
    ...(folders.length > 0 && { classNames: folders.map(({ name }) => name) }),
    async *examples() {
      for (const { name } of files) yield await readPicture(join(folder, name), undefined);
      for (const { name } of folders)
        for (const entry of entries(join(folder, name))) {
          const place = join(folder, name, entry.name);
          yield entry.isFile()
            ? await readPicture(place, name)
            : { place, problem: 'it is a folder inside of a class' };
        }
    },
  };
}

async function readPicture(place: string, label: string | undefined): Promise<SourceExample | Misfit> {
  if (statSync(place).size > maxFileBytes) return { place, problem: `it is larger than ${maxFileBytes} bytes` };
  const bytes = readFileSync(place);
  if (!isPicture(bytes)) return { place, problem: 'it is no PNG or JPEG picture' };
  try {
    return { place, picture: await decodePicture(bytes, 'it'), ...(label !== undefined && { label }) };
  } catch (error) {
    if (error instanceof DataError) return { place, problem: error.message };
    throw error;
  }
}
