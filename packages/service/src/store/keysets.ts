import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { apiPrefix, type KeyList, keyList, maxMissingBatch, type OpenKeyset } from '@cipherformer/client/protocol';
import { z } from 'zod';
import { Problem } from '../problem.ts';
import { keysetId } from './ids.ts';
import type { Mutex } from './mutex.ts';
import type { PartStore } from './parts.ts';
import { Records, writeJson } from './records.ts';
import { type KeysetRecord, keysetRecord } from './schemas.ts';

const listFile = 'list.json';

/** Key sets: open, then committed with a list of parts and verified. Changes are made one at a time, by `mutex`. */
export class KeysetStore {
  readonly #records: Records<KeysetRecord>;
  readonly #parts: PartStore;
  readonly #mutex: Mutex;

  private constructor(records: Records<KeysetRecord>, parts: PartStore, mutex: Mutex) {
    this.#records = records;
    this.#parts = parts;
    this.#mutex = mutex;
  }

  static async open(folder: string, parts: PartStore, mutex: Mutex): Promise<KeysetStore> {
    const store = new KeysetStore(await Records.open(folder, 'keyset.json', keysetRecord), parts, mutex);
    await store.#sweepParts();
    return store;
  }

  all(): KeysetRecord[] {
    return this.#records.all();
  }

  find(id: string): KeysetRecord | undefined {
    return this.#records.get(id);
  }

  /** @throws Problem 'unknown-keyset' */
  get(id: string): KeysetRecord {
    const record = this.find(id);
    if (record === undefined) {
      throw new Problem(
        'unknown-keyset',
        `there is no key set ${id}`,
        `list the key sets (GET ${apiPrefix}/keysets), or open one (POST ${apiPrefix}/keysets)`,
      );
    }
    return record;
  }

  /** The key set, if it takes parts. @throws Problem 'keyset-closed' otherwise */
  getOpen(id: string): KeysetRecord {
    const record = this.get(id);
    if (record.state !== 'open') throw closed(record);
    return record;
  }

  listPath(id: string): string {
    return this.#records.path(id, listFile);
  }

  /** The list that the key set was committed with. */
  async list(id: string): Promise<KeyList> {
    return z.core.parse(keyList, JSON.parse(await readFile(this.listPath(id), 'utf8')));
  }

  /** A new key set, or the one of this plan and key that is there. */
  create(request: OpenKeyset): Promise<{ record: KeysetRecord; created: boolean }> {
    return this.#mutex.run(async () => {
      const id = keysetId(request.plan, request.key);
      const known = this.#records.get(id);
      if (known !== undefined) {
        if (known.format !== request.format) throw mismatch(['format'], known);
        return { record: known, created: false };
      }
      const record: KeysetRecord = { id, ...request, state: 'open', created: new Date().toISOString(), attempts: 0 };
      const stage = await this.#records.stage();
      try {
        await this.#records.add(stage, record);
      } catch (error) {
        await this.#records.discard(stage);
        throw error;
      }
      return { record, created: true };
    });
  }

  /**
   * Makes a key set of a list of parts that are all there; `changed` is false when it had been committed with the same
   * list.
   * @throws Problem 'parts-missing', 'list-mismatch' or 'keyset-closed'
   */
  commit(id: string, list: KeyList): Promise<{ record: KeysetRecord; changed: boolean }> {
    return this.#mutex.run(async () => {
      const record = this.get(id);
      const wrong = (['plan', 'key', 'format'] as const).filter((field) => list[field] !== record[field]);
      if (wrong.length > 0) throw mismatch(wrong, record);
      const digest = createHash('sha256').update(JSON.stringify(list)).digest('hex');
      if (record.state !== 'open') {
        if (record.state === 'rejected' || record.list !== digest) throw closed(record);
        return { record, changed: false };
      }
      const missing = this.#parts.missing(list.parts);
      if (missing.length > 0) throw partsMissing(missing, list.parts.length);
      let bytes = 0;
      for (const part of new Set(list.parts)) bytes += (await stat(this.#parts.path(part))).size;
      await writeJson(this.listPath(id), list);
      const parts = list.parts.length;
      const next: KeysetRecord = { ...record, state: 'verifying', list: digest, parts, bytes, attempts: 0 };
      await this.#records.put(next);
      await this.#sweepParts();
      return { record: next, changed: true };
    });
  }

  /** Changes a key set that is there; undefined when it is gone or `change` returns undefined. */
  update(id: string, change: (record: KeysetRecord) => KeysetRecord | undefined): Promise<KeysetRecord | undefined> {
    return this.#mutex.run(async () => {
      const record = this.#records.get(id);
      const next = record && change(record);
      if (next !== undefined) await this.#records.put(next);
      return next;
    });
  }

  /** Removes a key set and the parts that no other has. `check` may throw. */
  remove(id: string, check: () => void): Promise<void> {
    return this.#mutex.run(async () => {
      this.get(id);
      check();
      await this.#records.remove(id);
      await this.#sweepParts();
    });
  }

  /** Removes parts that no list names, unless a key set is open: they may be of its list to come. */
  async #sweepParts(): Promise<void> {
    const records = this.#records.all();
    if (records.some(({ state }) => state === 'open')) return;
    const lists = await Promise.all(records.map(({ id }) => this.list(id)));
    await this.#parts.retain(new Set(lists.flatMap(({ parts }) => parts)));
  }
}

function closed({ id, state }: KeysetRecord): Problem {
  return new Problem(
    'keyset-closed',
    `the key set ${id} is ${state}: it takes no other parts or list`,
    `use it as it is, or delete it (DELETE ${join(apiPrefix, 'keysets', id)}) and send the keys again`,
    { state },
  );
}

function mismatch(fields: readonly string[], record: KeysetRecord): Problem {
  return new Problem(
    'list-mismatch',
    `the key set ${record.id} has another ${fields.join(' and another ')}`,
    'commit the list that belongs to this key set, or open one for these keys',
    { fields },
  );
}

function partsMissing(missing: readonly string[], total: number): Problem {
  return new Problem(
    'parts-missing',
    `${missing.length} of the ${total} parts of the list are not here`,
    'send them, then commit again',
    { missing: missing.slice(0, maxMissingBatch), missingCount: missing.length },
  );
}
