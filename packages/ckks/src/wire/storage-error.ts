import { StorageError } from '@cipherformer/base';

/** @param free bytes, where that is known */
export function diskFull(path: string, needed: number, free?: number): StorageError {
  return new StorageError(
    `cannot write ${path}: it needs ${needed} bytes${free === undefined ? ' and the disk is full' : `, ${free} are free`}; ` +
      'make room or choose another directory',
  );
}

const causes: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or directory: check the path',
  EACCES: 'permission is denied: check the owner and permissions',
  EPERM: 'permission is denied: check the owner and permissions',
  EEXIST: 'there already is a file of that name: choose another one, or allow it to be overwritten',
  EISDIR: 'it is a directory: give the path of a file',
  ENOTDIR: 'part of the path is not a directory: check the path',
  EROFS: 'the file system is read-only: choose another directory',
  EMFILE: 'too many files are open: raise the limit (ulimit -n)',
};

/**
 * What the file system says, with the path and what to do. Other errors pass unchanged.
 * @param bytes that were to be written; undefined where the file was read
 */
export function storageError(error: unknown, path: string, bytes?: number): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  if (code === undefined) return error;
  if (bytes !== undefined && ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(code)) return diskFull(path, bytes);
  const what = causes[code];
  const verb = bytes === undefined ? 'read' : 'write';
  return what === undefined ? error : new StorageError(`cannot ${verb} ${path}: ${what}`, { cause: error });
}
