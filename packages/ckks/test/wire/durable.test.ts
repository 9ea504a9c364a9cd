import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StorageError } from '@cipherformer/base';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { writeAll, writeBytesDurably, writeDurably } from '../../src/wire/durable.ts';

const disk = vi.hoisted(() => ({ says: undefined as string | undefined, full: undefined as string | undefined }));
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const link: typeof real.link = async (from, to) => {
    if (disk.says !== undefined) throw Object.assign(new Error(disk.says), { code: disk.says });
    await real.link(from, to);
  };
  const open: typeof real.open = async (path, ...more) => {
    const file = await real.open(path, ...more);
    if (disk.full)
      file.write = async () => {
        throw Object.assign(new Error('no room'), { code: disk.full });
      };
    return file;
  };
  return { ...real, link, open };
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'durable-'));
});
afterEach(() => {
  Object.assign(disk, { says: undefined, full: undefined });
  rmSync(folder, { recursive: true });
});
const write = (text: string) =>
  writeDurably(join(folder, 'file'), (file) => writeAll(file, Buffer.from(text)), { overwrite: false });

describe('bytes that cannot be written', () => {
  it.each(['ENOSPC', 'EDQUOT', 'EFBIG'])(
    'a disk that says %s: told with the bytes, and nothing is left',
    async (full) => {
      disk.full = full;
      const failure = writeBytesDurably(join(folder, 'file'), new Uint8Array(77));
      await expect(failure).rejects.toThrow(/cannot write .*file: it needs 77 bytes and the disk is full; make room/);
      await expect(failure).rejects.toBeInstanceOf(StorageError);
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  it('a name that is taken, a folder that is not there', async () => {
    const bytes = new Uint8Array(3);
    await writeBytesDurably(join(folder, 'file'), bytes);
    const again = writeBytesDurably(join(folder, 'file'), bytes, { overwrite: false });
    await expect(again).rejects.toThrow(/there already is a file of that name/);
    await expect(writeBytesDurably(join(folder, 'no/file'), bytes)).rejects.toThrow(/no such file or directory/);
  });
});

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
