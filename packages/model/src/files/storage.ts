import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { StorageError } from '@cipherformer/base';
import { DataError, MissingFileError } from '../errors.ts';
import { decodeUtf8, parseJson } from '../untrusted/index.ts';

/** Largest size a .gz file may unpack to. */
const unpackedLimitBytes = 2 ** 31;
/** Longest text that a string of V8 holds. */
const textLimitBytes = 2 ** 29 - 24;

/**
 * Writes a file so that a reader sees the old content or the new, never a part: a temporary file beside it, flushed
 * to the disk, then renamed over it; then the folder is flushed, so that no loss of power takes the new content back.
 * @throws StorageError (with the old file intact) if it cannot
 */
export function writeAtomically(path: string, content: Uint8Array | string): void {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  const temporary = `${path}.tmp-${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    const file = openSync(temporary, 'w');
    try {
      for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (error) {
    try {
      rmSync(temporary, { force: true });
    } catch {
      // The folder itself is unusable; the error being reported says so.
    }
    const { code } = error as NodeJS.ErrnoException;
    const cause =
      code === 'ENOSPC'
        ? 'there is no space left on the device: free some and run the same command again'
        : `${(error as Error).message}`;
    const kept = existsSync(path) ? 'The previous version of the file is intact.' : 'Nothing was left behind.';
    throw new StorageError(`Could not write ${path} (${bytes.length} bytes): ${cause}. ${kept}`);
  }
}

/** Makes the names in a folder durable. Windows knows no such call. */
function syncFolder(path: string): void {
  if (process.platform === 'win32') return;
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Reads a file, unpacking it if it is gzip (by content, not by name). @throws MissingFileError where it cannot be read, DataError for what it holds; both name the path */
export function readBytes(path: string): Uint8Array {
  let raw: Buffer;
  try {
    raw = readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'there is no such file' : (error as Error).message;
    throw new MissingFileError(`Cannot read ${path}: ${reason}. Check the path and the folder of the data.`);
  }
  if (raw[0] !== 0x1f || raw[1] !== 0x8b) return raw;
  try {
    return gunzipSync(raw, { maxOutputLength: unpackedLimitBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw new DataError(`${path} unpacks to more than ${unpackedLimitBytes} bytes: split it.`);
    throw new DataError(`${path} is a damaged gzip file (${(error as Error).message}): fetch it again.`);
  }
}

/** Reads UTF-8 text (gzip allowed). @throws MissingFileError where it cannot be read, DataError for what it holds; both name the path */
export function readText(path: string): string {
  const bytes = readBytes(path);
  if (bytes.length > textLimitBytes)
    throw new DataError(`${path} holds ${bytes.length} bytes of text, at most ${textLimitBytes} are read: split it.`);
  try {
    return decodeUtf8(bytes);
  } catch {
    throw new DataError(`${path} is not UTF-8 text.`);
  }
}

/** Reads and parses JSON (gzip allowed). @throws MissingFileError where it cannot be read, DataError for what it holds; both name the path */
export function readJson(path: string): unknown {
  const text = readText(path);
  try {
    return parseJson(text);
  } catch (error) {
    throw new DataError(`${path} is not valid JSON: ${(error as Error).message}`);
  }
}
