import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PartStore } from '../src/store/parts.ts';
import { hex, part } from './support.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'parts-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function* slowly(bytes: Uint8Array, wait: Promise<unknown>) {
  yield bytes.subarray(0, 1);
  await wait;
  yield bytes.subarray(1);
}

describe('the store of parts', () => {
  it('forgets what a crash left half-written, keeps what is whole, and leaves alone what is not its own', async () => {
    const whole = part('whole');
    writeFileSync(join(folder, whole.sha256), whole.bytes);
    writeFileSync(join(folder, `${hex('cut')}.123.partial`), 'cu');
    writeFileSync(join(folder, 'notes.txt'), 'mine');
    mkdirSync(join(folder, 'other'));
    const store = await PartStore.open(folder);
    expect(store.has(whole.sha256)).toBe(true);
    expect(store.missing([hex('cut'), whole.sha256])).toEqual([hex('cut')]);
    expect(readdirSync(folder).sort()).toEqual([whole.sha256, 'notes.txt', 'other'].sort());
    await store.retain(new Set());
    expect(readdirSync(folder).sort()).toEqual(['notes.txt', 'other']);
  });

  it('names no part that is not there, whenever a sweep comes while it is written once more', async () => {
    const store = await PartStore.open(folder);
    const one = part('a part that arrives');
    const file = await open(join(folder, 'probe'), 'w');
    const prototype = Object.getPrototypeOf(file) as typeof file;
    await file.close();
    // At the first byte, before and after the file is on the disk, before and after its name is.
    for (const sweepAt of [0, 1, 2, 3, 4]) {
      await store.put(one.sha256, slowly(one.bytes, Promise.resolve()));
      let step = 0;
      let isSweeping = false;
      const sweep = async () => {
        if (isSweeping || step++ !== sweepAt) return;
        isSweeping = true;
        await store.retain(new Set());
        isSweeping = false;
      };
      const sync = prototype.sync;
      vi.spyOn(prototype, 'sync').mockImplementation(async function (this: typeof file) {
        await sweep();
        await sync.call(this);
        await sweep();
      });
      await store.put(one.sha256, slowly(one.bytes, sweep()));
      vi.restoreAllMocks();
      expect(step).toBe(5);
      expect(store.has(one.sha256)).toBe(sweepAt < 3);
      expect(existsSync(store.path(one.sha256))).toBe(sweepAt < 3);
      if (sweepAt < 3) expect(readFileSync(store.path(one.sha256), 'utf8')).toBe('a part that arrives');
    }
  });
});
