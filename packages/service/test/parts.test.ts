import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FaultPoint } from '../src/faults.ts';
import { limitsSchema } from '../src/limits.ts';
import { FolderFiles } from '../src/store/folder-files.ts';
import { OwnerStore } from '../src/store/owners.ts';
import { PartStore } from '../src/store/parts.ts';
import type { KeysetRow } from '../src/store/rows.ts';
import { openRows, type SqliteRows } from '../src/store/sqlite.ts';
import { LocalTurns } from '../src/store/turns.ts';
import { format, hex, key, part, plan } from './support.ts';

let folder: string;
let rows: SqliteRows;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'parts-'));
});
afterEach(() => {
  rows.close();
  rmSync(folder, { recursive: true });
});

async function open(at: (point: FaultPoint) => void | Promise<void> = () => {}) {
  const files = await FolderFiles.open(folder);
  rows = openRows(join(folder, 'service.db'));
  const context = { rows, files, turns: new LocalTurns(), limits: limitsSchema.parse({}), now: Date.now, at };
  await new OwnerStore(context).local();
  return { context, store: new PartStore(context) };
}

async function* slowly(bytes: Uint8Array, wait: () => Promise<unknown>) {
  yield bytes.subarray(0, 1);
  await wait();
  yield bytes.subarray(1);
}
const needed = async () => {};
const at = (name: string) => join(folder, 'parts', 'local', name);

/** One that is open: its parts are kept. */
const keyset: Omit<KeysetRow, 'owner'> = {
  ...{
    id: '1'.repeat(32),
    plan,
    key,
    format,
    state: 'open',
    reason: null,
    created: 0,
    used: 0,
    expires: 1,
    attempts: 0,
    claim: null,
  },
  ...{ list: null, digest: null, parts: null, bytes: null },
};

describe('the store of parts', () => {
  it('forgets what a crash left half-written or without a row, and asks again for what has no file', async () => {
    const [whole, gone] = [part('whole'), part('gone')];
    const { store } = await open();
    for (const one of [whole, gone]) await store.put('local', one.sha256, slowly(one.bytes, needed), needed);
    rows.close();
    rmSync(at(gone.sha256));
    writeFileSync(at(hex('no row')), 'no row');
    writeFileSync(join(folder, 'incoming', '123.partial'), 'cu');
    mkdirSync(join(folder, 'other'));
    const { context, store: again } = await open();
    await context.rows.addKeyset({ ...keyset, owner: 'local' });
    await again.sweepFiles({ lost: true });
    expect(await again.missing('local', [hex('no row'), gone.sha256, whole.sha256])).toEqual([hex('no row'), gone.sha256]); // biome-ignore format: short
    expect([readdirSync(join(folder, 'incoming')), readdirSync(join(folder, 'parts', 'local'))]).toEqual([[], [whole.sha256]]); // biome-ignore format: short
    await context.rows.removeKeyset(keyset.id);
    await again.sweepFiles({ lost: true });
    expect(readdirSync(join(folder, 'parts', 'local'))).toEqual([]);
    expect(readdirSync(folder)).toContain('other');
  });

  it('keeps to each owner what is theirs', async () => {
    const { context, store } = await open();
    const { owner } = (await new OwnerStore(context).add('token', 'other'))!;
    const one = part('of the first');
    await store.put('local', one.sha256, slowly(one.bytes, needed), needed);
    expect([await store.has('local', one.sha256), await store.has(owner.id, one.sha256)]).toEqual([true, false]);
    await store.sweep(owner.id);
    expect(await store.has('local', one.sha256)).toBe(true);
  });

  it('names no part that is not there, whenever a sweep comes while it is written once more', async () => {
    const one = part('a part that arrives');
    // While it arrives, when it has, before and after its name is there, and when it is told.
    for (const sweepAt of ['arriving', 'part-received', 'part-placed', 'part-kept'] as const) {
      const sweeps: Promise<void>[] = [];
      const sweepIf = async (point: string) => {
        // As the service does: one change at a time.
        if (point === sweepAt) sweeps.push(context.turns.run('local', () => store.sweep('local')));
      };
      const { context, store } = await open(sweepIf);
      await store.put('local', one.sha256, slowly(one.bytes, () => sweepIf('arriving')), needed); // biome-ignore format: short
      await Promise.all(sweeps);
      const isThere = await store.has('local', one.sha256);
      expect(sweeps).toHaveLength(1);
      expect(existsSync(at(one.sha256))).toBe(isThere);
      // What was told after the sweep stays; what came before it was needed by nobody.
      expect(isThere).toBe(sweepAt === 'arriving' || sweepAt === 'part-received');
      rows.close();
    }
    rows = openRows(join(folder, 'service.db'));
  });
});
