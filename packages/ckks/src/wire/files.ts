import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StorageError } from '@cipherformer/base';
import { KeyError } from '../errors/index.ts';
import { type Context, erasableBytes, type SecretKey } from '../scheme/index.ts';
import { diskSpace, type WriteDurablyOptions, writeAll, writeDurably } from './durable.ts';
import { secretKeyFromWire, secretKeyToWire } from './keys.ts';
import type { WireObject } from './object.ts';
import { secretStartBytes, startsLikeSecretKey } from './secret-start.ts';
import { diskFull, storageError } from './storage-error.ts';

// Node only: the package's entry "./files". Everything else about the wire also runs in browsers.

/** Most bytes of a chunk in which files are read. */
const maxPieceBytes = 2 ** 22;

/**
 * Writes an object to a file, frame by frame. The file appears under its name only when it is complete and on the disk
 * (a temporary neighbour is renamed), so a file of that name is never half-written.
 * @throws StorageError, with the bytes needed when the disk is full
 */
export async function writeWireFile(
  path: string,
  object: WireObject,
  options: WriteDurablyOptions = {},
): Promise<void> {
  if (object.kind === 'secretKey' && ((options.mode ?? 0o644) & 0o077) !== 0)
    throw new KeyError(`${path} would be a secret key that others can read: write it with writeSecretKey`);
  try {
    await checkRoom(path, object.bytes);
    await writeDurably(
      path,
      async (file) => {
        for await (const frame of object) await writeAll(file, frame);
      },
      options,
    );
  } catch (error) {
    throw storageError(error, path, object.bytes);
  }
}

/**
 * The bytes of a file, in chunks, as a source for the `...FromWire` functions; closes the file at the end. A chunk is
 * valid until the next one is asked for: its memory is used again.
 */
export async function* readWireFile(path: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const file = await openRegular(path);
  try {
    yield* chunks(file);
  } finally {
    await file.close();
  }
}

/** Writes a secret key to a file that only its owner can read. Never replaces a key unless `overwrite` says so. */
export async function writeSecretKey(
  path: string,
  secret: SecretKey,
  options: { overwrite?: boolean } = {},
): Promise<void> {
  await writeWireFile(path, secretKeyToWire(secret), { mode: 0o600, overwrite: options.overwrite ?? false });
}

/** Reads a secret key. @throws KeyError when others could have read or replaced the file */
export async function readSecretKey(path: string, context: Context): Promise<SecretKey> {
  const file = await openRegular(path);
  try {
    // Of the open file, not of the name: it cannot be exchanged in between. Windows has no such permissions. What is no secret
    // key is told to be none, not to be hidden.
    const { mode } = await file.stat();
    if (process.platform !== 'win32' && (mode & 0o077) !== 0 && (await startsAsSecretKey(file))) {
      throw new KeyError(
        `the secret key ${path} has permissions ${(mode & 0o777).toString(8).padStart(4, '0')}, so others can reach it: run chmod 600 ${path}; ` +
          'if somebody may have read it, make a new key',
      );
    }
    return await secretKeyFromWire(context, chunks(file));
  } finally {
    await file.close();
  }
}

/** Whether a file is a secret key of any version, by its first bytes. @throws StorageError where it cannot be read */
export async function isSecretKeyFile(path: string): Promise<boolean> {
  const file = await openRegular(path);
  try {
    return await startsAsSecretKey(file);
  } finally {
    await file.close();
  }
}

async function startsAsSecretKey(file: FileHandle): Promise<boolean> {
  const start = new Uint8Array(secretStartBytes);
  await file.read(start, 0, start.length, 0);
  return startsLikeSecretKey(start);
}

/** Two buffers take turns: the next chunk is read while the one before is used. Both are erased: it may be a key. */
async function* chunks(file: FileHandle): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { size } = await file.stat();
  const pieceBytes = Math.min(maxPieceBytes, Math.max(size, 1));
  let buffer = erasableBytes(pieceBytes);
  let other = erasableBytes(pieceBytes);
  let reading = file.read(buffer, 0, pieceBytes);
  try {
    for (;;) {
      const { bytesRead } = await reading;
      if (bytesRead === 0) return;
      reading = file.read(other, 0, pieceBytes);
      // A failure is reported when its chunk is asked for, not before.
      reading.catch(() => {});
      yield buffer.subarray(0, bytesRead);
      [buffer, other] = [other, buffer];
    }
  } finally {
    await reading.catch(() => {});
    for (const used of [buffer, other]) used.fill(0);
  }
}

/** Opens a regular file for reading: a pipe or device might never end. */
async function openRegular(path: string): Promise<FileHandle> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    if ((await file.stat()).isFile()) return file;
  } catch (error) {
    await file?.close();
    throw storageError(error, path);
  }
  await file.close();
  throw new StorageError(`${path} is not a regular file: give the path of a file that cipherformer wrote`);
}

/** Minutes of writing are saved when it is clear from the start that there is no room. */
async function checkRoom(path: string, bytes: number): Promise<void> {
  const { freeBytes } = await diskSpace(dirname(path));
  if (freeBytes < bytes) throw diskFull(path, bytes, freeBytes);
}
