import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { FormatError, MissingFileError } from '../errors.ts';
import {
  type OpenSafetensors,
  openSafetensors,
  parseSafetensors,
  type SafetensorsFile,
  serialiseSafetensors,
} from './safetensors.ts';
import { readBytes, writeAtomically } from './storage.ts';
import type { Weights } from './stored-tensor.ts';

export const readSafetensors = (path: string): SafetensorsFile => parseSafetensors(readBytes(path), path);

/** What Git LFS leaves where a file was not fetched. */
const pointerStart = 'version https://git-lfs.github.com/spec/';

/** @throws FormatError where a file is the pointer that Git LFS leaves in its place */
export function checkNotPointer(first: Uint8Array, path: string): void {
  if (new TextDecoder().decode(first.subarray(0, pointerStart.length)) === pointerStart)
    throw new FormatError(
      `${path} is a pointer of Git LFS, not the file itself: fetch it with "git lfs pull", or download it again.`,
    );
}

/**
 * Opens a safetensors file of any size; each tensor is read from the disk when it is asked for. Unpacked (gzip) files are read
 * whole.
 * @throws MissingFileError where it cannot be read, FormatError for what it is
 */
export function openSafetensorsFile(path: string): OpenSafetensors {
  const length = sizeOf(path);
  const first = readRange(path, 0, Math.min(length, 64));
  checkNotPointer(first, path);
  if (first[0] === 0x1f && first[1] === 0x8b) {
    const bytes = readBytes(path);
    return openSafetensors((start, end) => bytes.subarray(start, end), bytes.length, path);
  }
  return openSafetensors((start, end) => readRange(path, start, end), length, path);
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    throw new MissingFileError(`Cannot read ${path}: there is no such file. Check the path.`);
  }
}

/** Bytes of a file; one call of the system reads less than 2^31 of them. */
function readRange(path: string, start: number, end: number): Uint8Array {
  const file = openSync(path, 'r');
  try {
    const bytes = new Uint8Array(end - start);
    for (let done = 0; done < bytes.length; ) {
      const read = readSync(file, bytes, done, Math.min(bytes.length - done, 2 ** 30), start + done);
      if (read === 0) throw new FormatError(`${path} became shorter while it was read.`);
      done += read;
    }
    return bytes;
  } finally {
    closeSync(file);
  }
}

export function writeSafetensors(
  path: string,
  tensors: Weights,
  metadata: Readonly<Record<string, string>> = {},
): void {
  writeAtomically(path, serialiseSafetensors(tensors, metadata));
}
