import { createHash } from 'node:crypto';
import { appendFileSync, existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { storageError, writeBytesDurably } from '@cipherformer/ckks/durable';
import type { PartMemory } from './key-parts.ts';

// Node only.

/** Where the digests of parts that were made with a secret key stand: beside it. */
export const partMemoryFileOf = (secretFile: string): string => `${secretFile}.parts`;

/**
 * Digests of parts as lines "<SHA-256> <part> <check>" behind a first line that names the key: appended as parts are made.
 * The check is the beginning of the line's own SHA-256: a digit that flipped on the disk must not look like a second message
 * under a seed.
 */
export class FilePartMemory implements PartMemory {
  readonly #path: string;
  readonly #digests: Map<string, string>;

  private constructor(path: string, digests: Map<string, string>) {
    this.#path = path;
    this.#digests = digests;
  }

  /**
   * A memory of another key, or a damaged one, is begun again: it only saves work.
   * @param path `partMemoryFileOf` the secret key's file
   * @param key names the secret key
   */
  static async open(path: string, key: string): Promise<FilePartMemory> {
    const first = `cipherformer-parts 2 ${key}`;
    const text = existsSync(path) ? await readFile(path, 'utf8') : '';
    const [title, ...lines] = text.split('\n');
    const digests = new Map<string, string>();
    if (title === first) {
      for (const line of lines) {
        const [, sha256, part] = /^([0-9a-f]{64}) (\S+) [0-9a-f]{8}$/.exec(line) ?? [];
        if (sha256 !== undefined && part !== undefined && line === lineOf(part, sha256)) digests.set(part, sha256);
      }
      // An interruption may have cut the last line short.
      if (!text.endsWith('\n')) append(path, '\n');
    } else {
      await mkdir(dirname(path), { recursive: true });
      await writeBytesDurably(path, new TextEncoder().encode(`${first}\n`), { mode: 0o600 });
    }
    return new FilePartMemory(path, digests);
  }

  get(part: string): string | undefined {
    return this.#digests.get(part);
  }

  set(part: string, sha256: string): void {
    if (this.#digests.get(part) === sha256) return;
    this.#digests.set(part, sha256);
    append(this.#path, `${lineOf(part, sha256)}\n`);
  }
}

function lineOf(part: string, sha256: string): string {
  const line = `${sha256} ${part}`;
  return `${line} ${createHash('sha256').update(line).digest('hex').slice(0, 8)}`;
}

/** @throws StorageError */
function append(path: string, text: string): void {
  try {
    appendFileSync(path, text);
  } catch (error) {
    throw storageError(error, path, text.length);
  }
}
