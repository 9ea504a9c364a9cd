import { existsSync } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '@cipherformer/base';
import { nameOfPart, type Parameters, secretStartBytes, sha256, startsLikeSecretKey } from '@cipherformer/ckks';
import { FileError } from '../errors.ts';
import { digestsByPart, type KeyList, parseKeyList, specsOf } from './key-list.ts';
import type { KeySource } from './key-source.ts';

// Node only. A folder of evaluation keys is list.json and parts/<SHA-256>: what a server gets, as files.

export const keyListFile = 'list.json';
export const partsFolder = 'parts';

export const partPath = (folder: string, sha256: string): string => join(folder, partsFolder, sha256);

/** Reads the list of a folder of evaluation keys. @throws FileError where there is none, or one that is damaged or cannot be read */
export async function readKeyList(folder: string, parameters: Parameters): Promise<KeyList> {
  await refuseFile(folder);
  const path = join(folder, keyListFile);
  let text: Uint8Array;
  try {
    text = await readFile(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR')
      throw new FileError(`cannot read ${path} (${code}): give the folder "evaluation" that keygen wrote`, {
        cause: error,
      });
    throw new FileError(
      existsSync(join(folder, partsFolder))
        ? `${path} is not there: keygen has not come to its end; run the same keygen again, it goes on where it stopped`
        : `there is no ${path}: give the folder "evaluation" that keygen wrote`,
      { cause: error },
    );
  }
  return parseKeyList(text, path, parameters);
}

/** @throws FileError for a file where a folder belongs: for a secret key above all, of which no more than the start is read */
async function refuseFile(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) return;
  const file = await open(path);
  try {
    const start = new Uint8Array(secretStartBytes);
    await file.read(start);
    if (startsLikeSecretKey(start))
      throw new FileError(
        `${path} is a secret key, which never belongs here: give the folder "evaluation" beside it, and keep this file to yourself`,
      );
  } finally {
    await file.close();
  }
  throw new FileError(`${path} is a file: give the folder "evaluation" that keygen wrote`);
}

/** The evaluation keys of a folder, for loadKeys. Errors as readKeyList. */
export async function openKeyFolder(folder: string, parameters: Parameters): Promise<KeySource> {
  const list = await readKeyList(folder, parameters);
  return keyFiles(list, parameters, {
    pathOf: (sha256) => partPath(folder, sha256),
    remedy: 'remove it and run keygen again, it makes what is missing',
  });
}

export interface KeyFilesOptions {
  /** Where a part is, by its SHA-256. */
  readonly pathOf: (sha256: string) => string;
  /** A part for messages. Default: its path. */
  readonly nameOf?: (sha256: string) => string;
  /** What to do about one that is missing or damaged, for messages. */
  readonly remedy: string;
}

/** The evaluation keys of a list whose parts are files. @throws FileError when a part is read that is missing or damaged */
export function keyFiles(list: KeyList, parameters: Parameters, options: KeyFilesOptions): KeySource {
  const { pathOf, nameOf = pathOf, remedy } = options;
  const digests = digestsByPart(parameters, list);
  return {
    key: list.key,
    specs: specsOf(list.keys),
    async part(part) {
      const digest = digests.get(nameOfPart(part))!;
      const bytes = await readFile(pathOf(digest)).catch((error: NodeJS.ErrnoException) => {
        const what = `cannot read ${nameOf(digest)}, a part of the evaluation keys (${error.code ?? error.message})`;
        throw new FileError(`${what}: ${remedy}`, { cause: error });
      });
      if (toHex(await sha256(bytes)) !== digest)
        throw new FileError(`${nameOf(digest)}, a part of the evaluation keys, is damaged: ${remedy}`);
      return bytes;
    },
  };
}
