import { createHash } from 'node:crypto';
import {
  apiPrefix,
  type KeyList,
  type KeysetState,
  maxMissingBatch,
  type OpenKeyset,
} from '@cipherformer/client/protocol';
import { keysMs } from '../limits.ts';
import { Problem } from '../problem.ts';
import type { StoreContext } from './context.ts';
import { keysetId } from './ids.ts';
import type { PartStore } from './parts.ts';
import type { KeysetChanges, KeysetRow, OwnerRow } from './rows.ts';

/** Key sets: open, then committed with a list of parts and verified. Each belongs to an owner; for others it is not there. */
export class KeysetStore {
  readonly #context: StoreContext;
  readonly #parts: PartStore;

  constructor(context: StoreContext, parts: PartStore) {
    this.#context = context;
    this.#parts = parts;
  }

  all(owner?: string): Promise<KeysetRow[]> {
    return this.#context.rows.keysets(owner);
  }

  /** By its id alone: for who has it from a row. */
  find(id: string): Promise<KeysetRow | undefined> {
    return this.#context.rows.keyset(id);
  }

  /** @throws Problem 'unknown-keyset' for none, and for one of another owner */
  async get(owner: string, id: string): Promise<KeysetRow> {
    const row = await this.find(id);
    if (row?.owner !== owner) {
      throw new Problem(
        'unknown-keyset',
        `there is no key set ${id}`,
        `list the key sets (GET ${apiPrefix}/keysets), or open one (POST ${apiPrefix}/keysets)`,
      );
    }
    return row;
  }

  /** The key set, if it takes parts. @throws Problem 'keyset-closed' otherwise */
  async getOpen(owner: string, id: string): Promise<KeysetRow> {
    const row = await this.get(owner, id);
    if (row.state !== 'open') throw closed(row);
    return row;
  }

  /** The one of this plan and key, where it is there. @throws Problem 'list-mismatch' where it has another format */
  async known(owner: string, request: OpenKeyset): Promise<KeysetRow | undefined> {
    const known = await this.find(keysetId(owner, request.plan, request.key));
    if (known !== undefined && known.format !== request.format) throw mismatch(['format'], known);
    return known;
  }

  /** A new key set, or the one of this plan and key that is there. @throws Problem 'too-many-keysets' */
  create({ id: owner, kind }: OwnerRow, request: OpenKeyset): Promise<{ row: KeysetRow; created: boolean }> {
    const { rows, limits, turns, now } = this.#context;
    return turns.run(owner, async () => {
      const known = await this.known(owner, request);
      if (known !== undefined) return { row: known, created: false };
      const others = await rows.keysets(owner);
      if (kind !== 'local' && others.length >= limits.keysets) {
        throw new Problem(
          'too-many-keysets',
          `there are ${others.length} key sets already, the most that one owner may have`,
          `delete one that is not needed (DELETE ${apiPrefix}/keysets/…)`,
          { limit: limits.keysets, keysets: others.map(({ id }) => id) },
        );
      }
      const created = now();
      const row: KeysetRow = {
        ...{ id: keysetId(owner, request.plan, request.key), owner, ...request, state: 'open', reason: null },
        ...{ created, used: created, expires: created + keysMs(limits), attempts: 0, claim: null },
        ...{ list: null, digest: null, parts: null, bytes: null },
      };
      await rows.addKeyset(row);
      return { row, created: true };
    });
  }

  /**
   * Makes a key set of a list of parts that are all there; `changed` is false when it had been committed with the same
   * list.
   * @param check throws where it may not be verified now
   * @throws Problem 'parts-missing', 'list-mismatch' or 'keyset-closed'
   */
  async commit(
    owner: string,
    id: string,
    list: KeyList,
    check: (bytes: number) => Promise<void>,
  ): Promise<{ row: KeysetRow; changed: boolean }> {
    const { rows, turns, now, limits, at } = this.#context;
    const done = await turns.run(owner, async () => {
      const row = await this.get(owner, id);
      const wrong = (['plan', 'key', 'format'] as const).filter((field) => list[field] !== row[field]);
      if (wrong.length > 0) throw mismatch(wrong, row);
      const text = JSON.stringify(list);
      const digest = createHash('sha256').update(text).digest('hex');
      if (row.state !== 'open') {
        if (row.state === 'rejected' || row.digest !== digest) throw closed(row);
        return { row, changed: false };
      }
      const parts = [...new Set(list.parts)];
      const there = await rows.partsAmong(owner, parts);
      const missing = parts.filter((part) => !there.has(part));
      if (missing.length > 0) throw partsMissing(missing, list.parts.length);
      const bytes = [...there.values()].reduce((sum, size) => sum + size, 0);
      await check(bytes);
      const used = now();
      const changes = { list: text, digest, parts: list.parts.length, bytes, attempts: 0, used, expires: used + keysMs(limits) }; // biome-ignore format: short
      const next = await rows.changeKeyset(id, ['open'], { state: 'verifying', ...changes });
      await this.#parts.sweep(owner);
      return { row: next!, changed: true };
    });
    if (done.changed) await at('commit-kept');
    return done;
  }

  /** Changes a key set that is there in one of these states, and of this try; undefined when it is not. */
  change(
    id: string,
    states: readonly KeysetState[],
    changes: KeysetChanges,
    claim?: string,
  ): Promise<KeysetRow | undefined> {
    return this.#context.rows.changeKeyset(id, states, changes, claim);
  }

  /** Notes that it was used: it is kept for its time from now. */
  async touch(id: string): Promise<void> {
    const used = this.#context.now();
    const expires = used + keysMs(this.#context.limits);
    await this.change(id, ['open', 'verifying', 'ready'], { used, expires });
  }

  /** Removes a key set and the parts that no other of its owner has. `check` may throw. */
  remove(owner: string, id: string, check: () => Promise<void>): Promise<void> {
    const { rows, turns, at } = this.#context;
    return turns.run(owner, async () => {
      await this.get(owner, id);
      await check();
      await rows.removeKeyset(id);
      await at('keyset-gone');
      await this.#parts.sweep(owner);
    });
  }
}

function closed({ id, state }: KeysetRow): Problem {
  return new Problem(
    'keyset-closed',
    `the key set ${id} is ${state}: it takes no other parts or list`,
    `use it as it is, or delete it (DELETE ${apiPrefix}/keysets/${id}) and send the keys again`,
    { state },
  );
}

function mismatch(fields: readonly string[], { id }: KeysetRow): Problem {
  return new Problem(
    'list-mismatch',
    `the key set ${id} has another ${fields.join(' and another ')}`,
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
