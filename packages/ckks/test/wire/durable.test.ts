import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { writeAll, writeDurably } from '../../src/wire/durable.ts';

const disk = vi.hoisted(() => ({ says: undefined as string | undefined }));
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const link: typeof real.link = async (from, to) => {
    if (disk.says !== undefined) throw Object.assign(new Error(disk.says), { code: disk.says });
    await real.link(from, to);
  };
  return { ...real, link };
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'durable-'));
});
afterEach(() => {
  disk.says = undefined;
  rmSync(folder, { recursive: true });
});
const write = (text: string) =>
  writeDurably(join(folder, 'file'), (file) => writeAll(file, Buffer.from(text)), { overwrite: false });

describe('a file that must not replace another', () => {
  it.each([undefined, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])(
    'is written, once, on a disk that says %s of hard links',
    async (says) => {
      disk.says = says;
      await write('first');
      await expect(write('second')).rejects.toMatchObject({ code: 'EEXIST' });
      expect(readdirSync(folder)).toEqual(['file']);
      expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('first');
    },
  );

  it.each([undefined, 'EPERM'])('takes no name that a broken link has (%s)', async (says) => {
    disk.says = says;
    symlinkSync(join(folder, 'nowhere'), join(folder, 'file'));
    await expect(write('text')).rejects.toMatchObject({ code: 'EEXIST' });
    expect(readdirSync(folder)).toEqual(['file']);
  });

  it('leaves nothing where the disk fails in another way', async () => {
    disk.says = 'EIO';
    await expect(write('text')).rejects.toMatchObject({ code: 'EIO' });
    expect(readdirSync(folder)).toEqual([]);
  });
});
