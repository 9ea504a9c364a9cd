import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, lstat, open, rename, rm, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { storageError } from './storage-error.ts';

export { storageError } from './storage-error.ts';

// Files that a crash cannot leave half-written. Node only: the package's entry "./durable", which loads no kernels and
// nothing of keys.

/** How the names of files that are still being written end: what a crash leaves behind may be swept. */
export const partialSuffix = '.partial';

export interface WriteDurablyOptions {
  /** Permissions of the file. Default 0o644. */
  readonly mode?: number;
  /** Replace a file of that name. Default: true. Otherwise one that is there stays, and the error is EEXIST. */
  readonly overwrite?: boolean;
}

/**
 * A file that `write` fills. It appears under its name only when it is complete and on the disk (a temporary neighbour
 * is renamed), so a file of that name is never half-written; when `write` fails, nothing is left. Resolves when a loss
 * of power would no longer lose it. Errors of the file system and of `write` pass unchanged.
 */
export async function writeDurably<T>(
  path: string,
  write: (file: FileHandle) => Promise<T>,
  { mode = 0o644, overwrite = true }: WriteDurablyOptions = {},
): Promise<T> {
  const partial = `${path}.${randomUUID()}${partialSuffix}`;
  try {
    const file = await open(partial, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode);
    let written: T;
    try {
      written = await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    if (overwrite) await rename(partial, path);
    else await renameNew(partial, path);
    await syncDirectory(dirname(path));
    return written;
  } catch (error) {
    await rm(partial, { force: true }).catch(() => {});
    throw error;
  }
}

/**
 * Writes bytes as `writeDurably` does.
 * @throws StorageError, with the bytes needed where the disk is full, and where there is a file that must not be replaced
 */
export async function writeBytesDurably(
  path: string,
  bytes: Uint8Array,
  options: WriteDurablyOptions = {},
): Promise<void> {
  try {
    await writeDurably(path, (file) => writeAll(file, bytes), options);
  } catch (error) {
    throw storageError(error, path, bytes.length);
  }
}

/** Whether a link failed since the file system has none: FAT, exFAT, some mounts of other machines and phones. */
export function hasNoHardLinks(error: unknown): boolean {
  return ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(String(codeOf(error)));
}

/**
 * Renames unless the name is taken. A link fails where it is, a rename replaces: both at once and whole. Without hard links
 * the name is looked at first: of two who write it at the same moment the later one replaces the other's file, whole.
 */
async function renameNew(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (!hasNoHardLinks(error)) throw error;
    const isTaken = await lstat(to).then(
      () => true,
      (cause: unknown) => {
        if (codeOf(cause) !== 'ENOENT') throw cause;
        return false;
      },
    );
    if (isTaken) throw Object.assign(new Error(`EEXIST: file already exists, ${to}`), { code: 'EEXIST', path: to });
    await rename(from, to);
    return;
  }
  await rm(from);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** Writes all of the bytes where the file stands. */
export async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
}

/** Makes the names in a directory durable: files that were made, renamed or removed in it. */
export async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const directory = await open(path, constants.O_RDONLY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Bytes of the disk that a directory is on: all, and those that are free to this user. */
export async function diskSpace(directory: string): Promise<{ totalBytes: number; freeBytes: number }> {
  const { blocks, bavail, bsize } = await statfs(directory);
  return { totalBytes: blocks * bsize, freeBytes: bavail * bsize };
}
