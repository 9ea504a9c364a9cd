import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { partialSuffix, writeBytesDurably } from '@cipherformer/ckks/durable';
import { z } from 'zod';
import { StartError } from '../problem.ts';

/** Says that a folder holds the data of a service: what is in it may be swept. */
export const dataFolderMarker = 'cipherformer-service.json';

/** SQLite's: rows of owners, key sets and jobs. */
export const rowsFile = 'service.db';

const version = 2;
const marker = z.object({ format: z.literal('cipherformer-service'), version: z.int() });

/** What the root of a fresh disk has. */
const ofFileSystem = 'lost+found';

/**
 * Opens a data folder, or makes one of a folder that is empty or absent. Call it before anything is written to the folder
 * or swept from it: services remove what they do not know, also keys, in folders that are their own.
 * @throws StartError for a folder of something else, and where it cannot be read or written
 */
export async function openDataFolder(folder: string): Promise<void> {
  const path = join(folder, dataFolderMarker);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const names = await readdir(folder);
    if (names.includes(dataFolderMarker)) return await checkMarker(path);
    // A crash may have come while the marker was written: then there is nothing else yet.
    const begun = names.filter((name) => name.startsWith(dataFolderMarker) && name.endsWith(partialSuffix));
    const foreign = names.find((name) => name !== ofFileSystem && !begun.includes(name));
    if (foreign !== undefined)
      throw new StartError(
        `${folder} is no data folder of a service: it has files (${JSON.stringify(foreign)}), but not ${dataFolderMarker}. ` +
          'A service would remove files in it, so nothing was touched: choose another folder, one that is empty or not there',
      );
    for (const name of begun) await rm(join(folder, name), { force: true });
    const text = new TextEncoder().encode(`${JSON.stringify({ format: 'cipherformer-service', version })}\n`);
    await writeBytesDurably(path, text);
  } catch (cause) {
    if (cause instanceof StartError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StartError(`cannot use ${folder} for the data of a service: ${why}; choose another folder`, { cause });
  }
}

async function checkMarker(path: string): Promise<void> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  const parsed = z.core.safeParse(marker, value);
  if (!parsed.success) throw new StartError(`${path} is damaged: choose another folder, or restore it from a backup`);
  if (parsed.data.version === version) return;
  throw new StartError(
    `${path} is of ${parsed.data.version < version ? 'an older' : 'a newer'} release, whose folders this one does not read: ` +
      'choose another folder (its owners make and send their keys again), or use that release',
  );
}
