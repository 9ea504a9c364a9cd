import { mkdir, rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { FileKind, Files, Received } from '../store/files.ts';
import { receiveInto } from '../store/folder-files.ts';
import type { Bucket } from './bucket.ts';

/** Objects that are younger may still get their row. */
const youngMs = 3600_000;
/** Objects that are removed at the same time. */
const atOnce = 16;

export const objectName = (kind: FileKind, owner: string, name: string): string => `${kind}/${owner}/${name}`;

/** Files as objects of a bucket. Bodies arrive in a folder of this machine and go on from there. */
export class BucketFiles implements Files {
  readonly #bucket: Bucket;
  readonly #incoming: string;
  readonly #now: () => number;

  private constructor(bucket: Bucket, incoming: string, now: () => number) {
    this.#bucket = bucket;
    this.#incoming = incoming;
    this.#now = now;
  }

  /**
   * @param incoming a folder of this process alone: what is in it is swept
   * @param now milliseconds since 1970, which the age of objects is told by
   */
  static async open(bucket: Bucket, incoming: string, now: () => number): Promise<BucketFiles> {
    await rm(incoming, { recursive: true, force: true });
    await mkdir(incoming, { recursive: true, mode: 0o700 });
    return new BucketFiles(bucket, incoming, now);
  }

  receive(chunks: AsyncIterable<Uint8Array>): Promise<Received> {
    return receiveInto(this.#incoming, chunks, false);
  }

  async place(received: Received, kind: FileKind, owner: string, name: string): Promise<void> {
    await this.#bucket.put(objectName(kind, owner, name), received);
    await this.discard(received);
  }

  async discard({ path }: Received): Promise<void> {
    await rm(path, { force: true });
  }

  has(kind: FileKind, owner: string, name: string): Promise<boolean> {
    return this.#bucket.has(objectName(kind, owner, name));
  }

  read(kind: FileKind, owner: string, name: string): Promise<{ readonly bytes: number; readonly stream: Readable }> {
    return this.#bucket.get(objectName(kind, owner, name));
  }

  async remove(kind: FileKind, owner: string, names: readonly string[]): Promise<void> {
    for (let at = 0; at < names.length; at += atOnce)
      await Promise.all(names.slice(at, at + atOnce).map((name) => this.#bucket.remove(objectName(kind, owner, name))));
  }

  async list(kind: FileKind): Promise<Map<string, string[]>> {
    const found = new Map<string, string[]>();
    for await (const { name, modified } of this.#bucket.list(`${kind}/`)) {
      const [, owner, file] = name.split('/');
      if (owner === undefined || file === undefined || modified > this.#now() - youngMs) continue;
      const names = found.get(owner) ?? [];
      names.push(file);
      found.set(owner, names);
    }
    return found;
  }
}
