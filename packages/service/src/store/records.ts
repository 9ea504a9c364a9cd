import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { partialSuffix, syncDirectory, writeAll, writeDurably } from '@cipherformer/ckks/durable';
import { z } from 'zod';
import { StartError } from '../problem.ts';

/** Writes a JSON document that a crash leaves as it was or as it will be. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  const bytes = new TextEncoder().encode(`${JSON.stringify(value)}\n`);
  await writeDurably(path, (file) => writeAll(file, bytes));
}

/**
 * Records, each a folder named by its id with a JSON document and files beside it. In memory as well: there are few.
 * A record is made, changed and removed whole; what is new is visible here only when it is on the disk. Calls that
 * change records are made one at a time.
 */
export class Records<T extends { readonly id: string }> {
  readonly #folder: string;
  readonly #document: string;
  readonly #records: Map<string, T>;

  private constructor(folder: string, document: string, records: Map<string, T>) {
    this.#folder = folder;
    this.#document = document;
    this.#records = records;
  }

  /** Opens or makes the folder. What a crash left half-written is swept. @throws StartError for a damaged document */
  static async open<T extends { readonly id: string }>(
    folder: string,
    document: string,
    schema: z.core.$ZodType<T>,
  ): Promise<Records<T>> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const records = new Map<string, T>();
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (!entry.isDirectory()) continue;
      const id = entry.name;
      const own = join(folder, id);
      if (id.endsWith(partialSuffix)) {
        await rm(own, { recursive: true });
        continue;
      }
      const path = join(own, document);
      try {
        const record = z.core.parse(schema, JSON.parse(await readFile(path, 'utf8')));
        if (record.id !== id) throw new Error(`it is of ${record.id}`);
        records.set(id, record);
      } catch (cause) {
        throw new StartError(`${path} is damaged: restore it, or remove ${own} (its owner then has to send it again)`, {
          cause,
        });
      }
      for (const name of await readdir(own)) if (name.endsWith(partialSuffix)) await rm(join(own, name));
    }
    await syncDirectory(folder);
    return new Records(folder, document, records);
  }

  get(id: string): T | undefined {
    return this.#records.get(id);
  }

  all(): T[] {
    return [...this.#records.values()];
  }

  /** A file of a record. */
  path(id: string, name: string): string {
    return join(this.#folder, id, name);
  }

  /** A folder in which a record can be prepared: `add` makes it one, `discard` or the next start removes it. */
  async stage(): Promise<string> {
    const stage = join(this.#folder, `${randomUUID()}${partialSuffix}`);
    await mkdir(stage, { mode: 0o700 });
    return stage;
  }

  async discard(stage: string): Promise<void> {
    await rm(stage, { recursive: true, force: true });
  }

  /** Makes a new record of a staged folder. */
  async add(stage: string, record: T): Promise<void> {
    await writeJson(join(stage, this.#document), record);
    await rename(stage, join(this.#folder, record.id));
    await syncDirectory(this.#folder);
    this.#records.set(record.id, record);
  }

  /** Replaces the document of a record that is there. */
  async put(record: T): Promise<void> {
    await writeJson(this.path(record.id, this.#document), record);
    this.#records.set(record.id, record);
  }

  async remove(id: string): Promise<void> {
    // Gone at once and whole; its files follow, at the latest when the service starts again.
    const gone = join(this.#folder, `${id}.${randomUUID()}${partialSuffix}`);
    await rename(join(this.#folder, id), gone);
    this.#records.delete(id);
    await syncDirectory(this.#folder);
    await this.discard(gone);
  }
}
