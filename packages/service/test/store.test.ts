// The data folder's lock and the room on its disk, when several come at once.
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { lockFolder } from '../src/store/lock.ts';
import { Room } from '../src/store/room.ts';

const disk = vi.hoisted(() => ({ linkSays: undefined as string | undefined, whileEmpty: () => {} }));
vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>();
  return {
    ...real,
    // As it is on a disk: a file is there before its bytes are.
    writeFileSync: (path: string, text: string, { flag }: { flag: string }) => {
      const file = openSync(path, flag);
      disk.whileEmpty();
      writeSync(file, text);
      closeSync(file);
    },
    linkSync: (from: string, to: string) => {
      if (disk.linkSays !== undefined) throw Object.assign(new Error(disk.linkSays), { code: disk.linkSays });
      real.linkSync(from, to);
    },
  };
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'store-'));
});
afterEach(() => {
  disk.linkSays = undefined;
  disk.whileEmpty = () => {};
  rmSync(folder, { recursive: true });
});

describe('the lock', () => {
  it('is never seen without its holder, which would make it look stale', () => {
    let looked = 0;
    disk.whileEmpty = () => {
      looked++;
      expect(readdirSync(folder)).not.toContain('lock');
    };
    const lock = lockFolder(folder);
    expect(looked).toBe(1);
    expect(readFileSync(join(folder, 'lock'), 'utf8')).toBe(`${process.pid}\n`);
    expect(readdirSync(folder)).toEqual(['lock']);
    lock[Symbol.dispose]();
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([undefined, 'EPERM', 'ENOTSUP'])('holds on a disk that says %s of hard links', (says) => {
    disk.linkSays = says;
    const path = join(folder, 'lock');
    const file = openSync(path, 'w');
    writeSync(file, `${process.ppid}\n`);
    closeSync(file);
    expect(() => lockFolder(folder)).toThrow(/in use by process/);
    expect(readdirSync(folder)).toEqual(['lock']);
    rmSync(path);
    lockFolder(folder)[Symbol.dispose]();
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('room', () => {
  const space = () => Promise.resolve({ totalBytes: 1000, freeBytes: 400 });

  it('is promised once, however many ask at the same moment', async () => {
    const room = new Room(folder, space);
    const asked = await Promise.allSettled(Array.from({ length: 8 }, () => room.promise(100)));
    const held = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(held).toHaveLength(3);
    for (const one of asked) if (one.status === 'rejected') expect(one.reason).toMatchObject({ problem: 'no-room' });
    for (const one of held) one[Symbol.dispose]();
    await room.check(300);
    await expect(room.promise(301)).rejects.toMatchObject({ fields: { free: 300 } });
    await room.check(300);
  });
});
