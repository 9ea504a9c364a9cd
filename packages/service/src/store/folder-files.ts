import { createHash, randomUUID } from 'node:crypto';
import { constants, createReadStream, existsSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { partialSuffix, syncDirectory, writeAll } from '@cipherformer/ckks/durable';
import { type FileKind, type Files, fileKinds, type JobName, type Received, type WorkFiles } from './files.ts';
import type { KeysetRow } from './rows.ts';

/** Chunks come in 64 KiB and less: written together they cost a tenth of the calls. */
const writeBytes = 2 ** 19;

/** The files of a data folder. A file that is there under its own name is whole and on the disk. */
export class FolderFiles implements Files, WorkFiles {
  readonly #folder: string;
  readonly #incoming: string;
  /** Folders of owners that are on the disk. */
  readonly #made = new Set<string>();

  private constructor(folder: string) {
    this.#folder = folder;
    this.#incoming = join(folder, 'incoming');
  }

  /** Opens or makes the folders. What was on its way at a crash is swept. */
  static async open(folder: string): Promise<FolderFiles> {
    const files = new FolderFiles(folder);
    await rm(files.#incoming, { recursive: true, force: true });
    for (const name of ['incoming', ...fileKinds]) await mkdir(join(folder, name), { recursive: true, mode: 0o700 });
    await syncDirectory(folder);
    return files;
  }

  path(kind: FileKind, owner: string, name: string): string {
    return join(this.#folder, kind, owner, name);
  }

  /** Waits until it is on the disk. */
  receive(chunks: AsyncIterable<Uint8Array>): Promise<Received> {
    return receiveInto(this.#incoming, chunks, true);
  }

  /** Gives what has arrived its name. */
  async place({ path }: Received, kind: FileKind, owner: string, name: string): Promise<void> {
    const to = this.path(kind, owner, name);
    await this.#makeFolder(kind, owner);
    await rename(path, to);
    await syncDirectory(dirname(to));
  }

  async discard({ path }: Received): Promise<void> {
    await rm(path, { force: true });
  }

  async #makeFolder(kind: FileKind, owner: string): Promise<void> {
    const folder = join(this.#folder, kind, owner);
    if (this.#made.has(folder)) return;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await syncDirectory(dirname(folder));
    this.#made.add(folder);
  }

  async has(kind: FileKind, owner: string, name: string): Promise<boolean> {
    return existsSync(this.path(kind, owner, name));
  }

  async read(kind: FileKind, owner: string, name: string): Promise<{ bytes: number; stream: Readable }> {
    const path = this.path(kind, owner, name);
    const { size: bytes } = await stat(path);
    return { bytes, stream: createReadStream(path) };
  }

  async parts({ owner }: Pick<KeysetRow, 'owner'>, sha256: readonly string[]): Promise<string[]> {
    return sha256.map((one) => this.path('parts', owner, one));
  }

  async request({ owner, id }: JobName): Promise<string> {
    return this.path('requests', owner, id);
  }

  async resultTarget({ owner, id }: JobName): Promise<string> {
    await this.#makeFolder('results', owner);
    return this.path('results', owner, id);
  }

  /** The worker has written it whole and durably. */
  keepResult({ owner, id }: JobName): Promise<boolean> {
    return this.has('results', owner, id);
  }

  /** They go with their rows. */
  async forget(): Promise<void> {}

  async remove(kind: FileKind, owner: string, names: readonly string[]): Promise<void> {
    for (const name of names) await rm(this.path(kind, owner, name), { force: true });
  }

  /** Names by owner of all files of a kind, those included that something left half-written. */
  async list(kind: FileKind): Promise<Map<string, string[]>> {
    const folder = join(this.#folder, kind);
    const owners = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isDirectory());
    // At once: the system has as many under way as it has threads for them.
    return new Map(
      await Promise.all(owners.map(async ({ name }) => [name, await readdir(join(folder, name))] as const)),
    );
  }
}

/** Writes what comes into a folder, and leaves nothing where it cannot. @param sync waits until it is on the disk */
export async function receiveInto(folder: string, chunks: AsyncIterable<Uint8Array>, sync: boolean): Promise<Received> {
  const path = join(folder, `${randomUUID()}${partialSuffix}`);
  try {
    const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      const written = await writeHashed(file, chunks);
      if (sync) await file.sync();
      return { path, ...written };
    } finally {
      await file.close();
    }
  } catch (error) {
    await rm(path, { force: true }).catch(() => {});
    throw error;
  }
}

async function writeHashed(
  file: FileHandle,
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  const write = async () => {
    await writeAll(file, waiting.length === 1 ? waiting[0]! : Buffer.concat(waiting));
    waiting = [];
    waitingBytes = 0;
  };
  for await (const chunk of chunks) {
    hash.update(chunk);
    bytes += chunk.length;
    waiting.push(chunk);
    waitingBytes += chunk.length;
    if (waitingBytes >= writeBytes) await write();
  }
  if (waitingBytes > 0) await write();
  return { sha256: hash.digest('hex'), bytes };
}
