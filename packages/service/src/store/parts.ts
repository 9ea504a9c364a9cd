import { createHash } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { type FileHandle, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { partialSuffix, syncDirectory, writeAll, writeDurably } from '@cipherformer/ckks/durable';
import { Problem } from '../problem.ts';

const partName = /^[0-9a-f]{64}$/;

/** Parts of key sets as files, each named by the SHA-256 of its bytes. What is listed here is whole and on the disk. */
export class PartStore {
  readonly #folder: string;
  readonly #names: Set<string>;

  private constructor(folder: string, names: Set<string>) {
    this.#folder = folder;
    this.#names = names;
  }

  /** Opens or makes the folder. What a crash left half-written is swept. */
  static async open(folder: string): Promise<PartStore> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const names = await readdir(folder);
    for (const name of names) if (name.endsWith(partialSuffix)) await rm(join(folder, name));
    // A part that was renamed but not yet acknowledged is whole; from here on its name is durable as well.
    await syncDirectory(folder);
    return new PartStore(folder, new Set(names.filter((name) => partName.test(name))));
  }

  has(sha256: string): boolean {
    return this.#names.has(sha256);
  }

  path(sha256: string): string {
    return join(this.#folder, sha256);
  }

  missing(parts: readonly string[]): string[] {
    return parts.filter((part) => !this.has(part));
  }

  /** Writes a part while it arrives. @throws Problem 'digest-mismatch', and leaves nothing, when it is another one */
  async put(sha256: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    await writeDurably(this.path(sha256), async (file) => {
      const actual = await writeHashed(file, chunks);
      if (actual !== sha256) throw mismatch(sha256, actual);
    });
    // A sweep may have been faster, when the same part was there already and nobody needed it.
    if (existsSync(this.path(sha256))) this.#names.add(sha256);
  }

  /** Removes every part that is not in `keep`. */
  async retain(keep: ReadonlySet<string>): Promise<void> {
    for (const name of [...this.#names]) {
      if (keep.has(name)) continue;
      // Both at once, so that the set never names a file that is not there.
      this.#names.delete(name);
      rmSync(this.path(name), { force: true });
      await setImmediate();
    }
    await syncDirectory(this.#folder);
  }
}

/** Writes what comes, and returns its SHA-256. */
export async function writeHashed(file: FileHandle, chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of chunks) {
    hash.update(chunk);
    await writeAll(file, chunk);
  }
  return hash.digest('hex');
}

function mismatch(expected: string, actual: string): Problem {
  return new Problem(
    'digest-mismatch',
    `the bytes have the SHA-256 ${actual}, not ${expected}: they were damaged or cut short`,
    'send the part again',
    { expected, actual },
  );
}
