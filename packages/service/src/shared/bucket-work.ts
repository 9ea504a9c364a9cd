import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CipherformerError } from '@cipherformer/base';
import { partialSuffix } from '@cipherformer/ckks/durable';
import type { JobName, WorkFiles } from '../store/files.ts';
import type { KeysetRow } from '../store/rows.ts';
import { type Bucket, isAbsent } from './bucket.ts';
import { objectName } from './bucket-files.ts';

/** Objects that are fetched at the same time. */
const atOnce = 4;

/** An object that should be there is not. */
class ObjectGone extends CipherformerError {
  override readonly name = 'ObjectGone';
  override readonly code = 'missing-file';
}

/** Objects as files of a worker's machine: fetched when a task needs them, the keys of key sets kept for the next ones. */
export class BucketWork implements WorkFiles {
  readonly #bucket: Bucket;
  readonly #keysets: string;
  readonly #jobs: string;
  readonly #limitBytes: number;

  private constructor(bucket: Bucket, folder: string, limitBytes: number) {
    this.#bucket = bucket;
    this.#keysets = join(folder, 'keysets');
    this.#jobs = join(folder, 'jobs');
    this.#limitBytes = limitBytes;
  }

  /** @param folder of this worker alone @param limitBytes of keys that are kept there; those of one task at least */
  static async open(bucket: Bucket, folder: string, limitBytes: number): Promise<BucketWork> {
    const work = new BucketWork(bucket, folder, limitBytes);
    await rm(work.#jobs, { recursive: true, force: true });
    for (const path of [work.#keysets, work.#jobs]) await mkdir(path, { recursive: true, mode: 0o700 });
    return work;
  }

  /** @throws ObjectGone, Problem 'unreachable' */
  async parts({ id, owner }: Pick<KeysetRow, 'id' | 'owner'>, sha256: readonly string[]): Promise<string[]> {
    const folder = join(this.#keysets, id);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await utimes(folder, new Date(), new Date());
    await this.#makeRoom(id);
    const absent = [...new Set(sha256)].filter((one) => !existsSync(join(folder, one)));
    const next = absent.values();
    const fetchAll = async () => {
      for (const one of next) await this.#fetch(objectName('parts', owner, one), join(folder, one), one);
    };
    await Promise.all(Array.from({ length: atOnce }, fetchAll));
    return sha256.map((one) => join(folder, one));
  }

  async request({ owner, id }: JobName): Promise<string> {
    const path = this.#requestPath(id);
    await this.#fetch(objectName('requests', owner, id), path);
    return path;
  }

  async resultTarget({ id }: JobName): Promise<string> {
    const path = this.#resultPath(id);
    // Of an earlier try.
    await rm(path, { force: true });
    return path;
  }

  async keepResult({ owner, id }: JobName): Promise<boolean> {
    const path = this.#resultPath(id);
    if (!existsSync(path)) return false;
    const { size: bytes } = await stat(path);
    await this.#bucket.put(objectName('results', owner, id), { path, bytes, sha256: await digestOf(path) });
    return true;
  }

  /** Removes what a job has left here, however it ended. */
  async clear(job: string): Promise<void> {
    for (const path of [this.#requestPath(job), this.#resultPath(job)]) await rm(path, { force: true });
  }

  /** Key sets of which keys lie here. */
  keysets(): Promise<string[]> {
    return readdir(this.#keysets);
  }

  async forget(keyset: string): Promise<void> {
    await rm(join(this.#keysets, keyset), { recursive: true, force: true });
  }

  #requestPath(id: string): string {
    return join(this.#jobs, `${id}.request`);
  }

  #resultPath(id: string): string {
    return join(this.#jobs, `${id}.result`);
  }

  /** Removes the keys that were not used for longest, until no more is kept than may be beside those that are used now. */
  async #makeRoom(used: string): Promise<void> {
    const kept: { readonly name: string; readonly at: number; readonly bytes: number }[] = [];
    for (const name of await readdir(this.#keysets)) {
      const folder = join(this.#keysets, name);
      let bytes = 0;
      for (const part of await readdir(folder)) bytes += (await stat(join(folder, part))).size;
      kept.push({ name, at: (await stat(folder)).mtimeMs, bytes });
    }
    let sum = kept.reduce((total, { bytes }) => total + bytes, 0);
    for (const { name, bytes } of kept.sort((a, b) => a.at - b.at)) {
      if (sum <= this.#limitBytes) return;
      if (name === used) continue;
      await this.forget(name);
      sum -= bytes;
    }
  }

  /** A file that is there under its name is whole. @param sha256 of its bytes, where the name says it */
  async #fetch(name: string, path: string, sha256?: string): Promise<void> {
    const partial = `${path}${partialSuffix}`;
    let digest = '';
    const take = async (stream: Readable) => {
      const hash = createHash('sha256');
      const hashed = new Transform({
        transform(chunk: Uint8Array, _, done) {
          hash.update(chunk);
          done(null, chunk);
        },
      });
      await pipeline(stream, hashed, createWriteStream(partial, { mode: 0o600 }));
      digest = hash.digest('hex');
    };
    await this.#bucket.read(name, take).catch((cause: unknown) => {
      if (!isAbsent(cause)) throw cause;
      throw new ObjectGone(`${name.replace(/\/.*\//, ' ')} is not there any more: delete the key set and send the keys again`, { cause }); // biome-ignore format: short
    });
    if (sha256 !== undefined && digest !== sha256) {
      await rm(partial, { force: true });
      throw new ObjectGone(`part ${sha256.slice(0, 12)} is damaged: delete the key set and send the keys again`);
    }
    await rename(partial, path);
  }
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path) as AsyncIterable<Uint8Array>) hash.update(chunk);
  return hash.digest('hex');
}
