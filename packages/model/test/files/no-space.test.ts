import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { StorageError } from '../../../base/src/errors.ts';
import { writeAtomically } from '../../src/files/storage.ts';

let full = false;
vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>();
  const writeSync = ((...args: Parameters<typeof real.writeSync>) => {
    if (full) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    return real.writeSync(...args);
  }) as typeof real.writeSync;
  return { ...real, writeSync };
});

const folder = mkdtempSync(join(tmpdir(), 'no-space-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a full disk', () => {
  it('keeps the previous file and says so', () => {
    const path = join(folder, 'checkpoint');
    writeAtomically(path, 'old');
    full = true;
    try {
      expect(() => writeAtomically(path, 'new')).toThrow(StorageError);
      expect(() => writeAtomically(path, 'new')).toThrow(/no space left .* previous version of the file is intact/s);
    } finally {
      full = false;
    }
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(folder)).toEqual(['checkpoint']);
  });
});
