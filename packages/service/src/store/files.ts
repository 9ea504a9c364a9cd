import { createHash, randomUUID } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { partialSuffix, syncDirectory, writeAll } from '@cipherformer/ckks/durable';

/** What is kept as files, each kind below its own folder, and there below its owner. */
export type FileKind = 'parts' | 'requests' | 'results';
export const fileKinds: readonly FileKind[] = ['parts', 'requests', 'results'];

/** A body that has arrived: on the disk, under a name that the next start sweeps. */
export interface Received {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** The files of a data folder. A file that is there under its own name is whole and on the disk. */
export class Files {
  readonly #folder: string;
  readonly #incoming: string;
  /** Folders of owners that are on the disk. */
  readonly #made = new Set<string>();

  private constructor(folder: string) {
    this.#folder = folder;
    this.#incoming = join(folder, 'incoming');
  }

  /** Opens or makes the folders. What was on its way at a crash is swept. */
  static async open(folder: string): Promise<Files> {
    const files = new Files(folder);
    await rm(files.#incoming, { recursive: true, force: true });
    for (const name of ['incoming', ...fileKinds]) await mkdir(join(folder, name), { recursive: true, mode: 0o700 });
    await syncDirectory(folder);
    return files;
  }

  path(kind: FileKind, owner: string, name: string): string {
    return join(this.#folder, kind, owner, name);
  }

  /** Writes what comes, and waits until it is on the disk. Leaves nothing where it cannot. */
  async receive(chunks: AsyncIterable<Uint8Array>): Promise<Received> {
    const path = join(this.#incoming, `${randomUUID()}${partialSuffix}`);
    try {
      const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
      try {
        const written = await writeHashed(file, chunks);
        await file.sync();
        return { path, ...written };
      } finally {
        await file.close();
      }
    } catch (error) {
      await rm(path, { force: true }).catch(() => {});
      throw error;
    }
  }

  /** Gives what has arrived its name. */
  async place({ path }: Received, kind: FileKind, owner: string, name: string): Promise<void> {
    const to = this.path(kind, owner, name);
    await this.makeFolder(kind, owner);
    await rename(path, to);
    await syncDirectory(dirname(to));
  }

  async discard({ path }: Received): Promise<void> {
    await rm(path, { force: true });
  }

  /** The folder that an owner's files of a kind lie in. */
  async makeFolder(kind: FileKind, owner: string): Promise<void> {
    const folder = join(this.#folder, kind, owner);
    if (this.#made.has(folder)) return;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await syncDirectory(dirname(folder));
    this.#made.add(folder);
  }

  has(kind: FileKind, owner: string, name: string): boolean {
    return existsSync(this.path(kind, owner, name));
  }

  async remove(kind: FileKind, owner: string, names: readonly string[]): Promise<void> {
    for (const name of names) await rm(this.path(kind, owner, name), { force: true });
  }

  /** Names by owner of all files of a kind, those included that something left half-written. */
  async list(kind: FileKind): Promise<Map<string, string[]>> {
    const found = new Map<string, string[]>();
    for (const entry of await readdir(join(this.#folder, kind), { withFileTypes: true }))
      if (entry.isDirectory()) found.set(entry.name, await readdir(join(this.#folder, kind, entry.name)));
    return found;
  }
}

async function writeHashed(
  file: FileHandle,
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    bytes += chunk.length;
    await writeAll(file, chunk);
  }
  return { sha256: hash.digest('hex'), bytes };
}
