import { Problem } from '../problem.ts';
import type { StoreContext } from './context.ts';

/** Parts of key sets: files named by the SHA-256 of their bytes below their owner, each with a row. What has a row is whole. */
export class PartStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async has(owner: string, sha256: string): Promise<boolean> {
    return (await this.#context.rows.partsAmong(owner, [sha256])).has(sha256);
  }

  async missing(owner: string, sha256: readonly string[]): Promise<string[]> {
    const there = await this.#context.rows.partsAmong(owner, sha256);
    return sha256.filter((part) => !there.has(part));
  }

  /**
   * Writes a part while it arrives.
   * @param check throws, when it has arrived, where nobody needs it any more
   * @throws Problem 'digest-mismatch', and leaves nothing, when it is another one
   */
  async put(
    owner: string,
    sha256: string,
    chunks: AsyncIterable<Uint8Array>,
    check: () => Promise<void>,
  ): Promise<void> {
    const { rows, files, turns, at } = this.#context;
    const received = await files.receive(chunks);
    try {
      if (received.sha256 !== sha256) throw mismatch(sha256, received.sha256);
      await at('part-received');
      await turns.run(owner, async () => {
        await check();
        await files.place(received, 'parts', owner, sha256);
        await at('part-placed');
        await rows.addPart(owner, sha256, received.bytes);
      });
      await at('part-kept');
    } catch (error) {
      await files.discard(received);
      throw error;
    }
  }

  /**
   * Removes the parts of an owner that no list of theirs names, unless a key set is open: they may be of its list to come.
   * Call it where changes are made.
   * @param parts of the owner. Default: as the rows have them
   */
  async sweep(owner: string, parts?: readonly string[]): Promise<void> {
    const { rows, files, at } = this.#context;
    const keysets = await rows.keysets(owner);
    if (keysets.some(({ state }) => state === 'open')) return;
    const kept = new Set(keysets.flatMap(({ list }) => partsOfList(list)));
    const gone = (parts ?? (await rows.partsOf(owner))).filter((part) => !kept.has(part));
    if (gone.length === 0) return;
    // The rows first: one never names a file that is not there. Files without a row go at the next start, if not now.
    await rows.removeParts(owner, gone);
    await at('parts-gone');
    await files.remove('parts', owner, gone);
  }

  /**
   * Removes files without rows, and what no list names: a crash may have come after its key set went.
   * @param lost removes rows without files too, whose owners send those parts again: the disk may have lost them
   */
  async sweepFiles({ lost }: { readonly lost: boolean }): Promise<void> {
    const { rows, files, turns } = this.#context;
    const there = await files.list('parts');
    const owners = new Set([...there.keys(), ...(lost ? (await rows.owners()).map(({ id }) => id) : [])]);
    for (const owner of owners)
      await turns.run(owner, async () => {
        const names = new Set(there.get(owner));
        const known = new Set(await rows.partsOf(owner));
        const absent = lost ? [...known].filter((part) => !names.has(part)) : [];
        if (absent.length > 0) await rows.removeParts(owner, absent);
        await files.remove('parts', owner, [...names].filter((name) => !known.has(name))); // biome-ignore format: short
        for (const part of absent) known.delete(part);
        await this.sweep(owner, [...known]);
      });
  }
}

/** The parts of a list as it is kept: it was checked when it came. */
export function partsOfList(list: string | null): string[] {
  return list === null ? [] : (JSON.parse(list) as { readonly parts: string[] }).parts;
}

function mismatch(expected: string, actual: string): Problem {
  return new Problem(
    'digest-mismatch',
    `the bytes have the SHA-256 ${actual}, not ${expected}: they were damaged or cut short`,
    'send the part again',
    { expected, actual },
  );
}
