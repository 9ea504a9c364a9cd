import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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

  it('a sweep never takes away a part that has just arrived, whichever comes first', async () => {
    const store = await PartStore.open(folder);
    const one = part('a part that arrives');
    for (let delay = 0; delay < 40; delay++) {
      await store.put(one.sha256, slowly(one.bytes, Promise.resolve()));
      // It is there, is swept, and is sent once more while that happens.
      const after = (count: number) => new Promise((resolve) => setTimeout(resolve, count % 5));
      const putting = after(delay).then(() => store.put(one.sha256, slowly(one.bytes, after(delay / 5))));
      const sweeping = after(delay / 5).then(() => store.retain(new Set()));
      await Promise.all([putting, sweeping]);
      expect(store.has(one.sha256)).toBe(existsSync(store.path(one.sha256)));
      if (store.has(one.sha256)) expect(readFileSync(store.path(one.sha256), 'utf8')).toBe('a part that arrives');
    }
  });

  it('a part that is being written when a sweep begins is there after both', async () => {
    const store = await PartStore.open(folder);
    const one = part('under way');
    let go = () => {};
    const wait = new Promise<void>((resolve) => {
      go = resolve;
    });
    await store.put(one.sha256, slowly(one.bytes, Promise.resolve()));
    const putting = store.put(one.sha256, slowly(one.bytes, wait));
    await fs.readdir(folder);
    await store.retain(new Set());
    go();
    await putting;
    expect(store.has(one.sha256)).toBe(true);
    expect(readFileSync(store.path(one.sha256), 'utf8')).toBe('under way');
  });
});
