import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Context } from '@cipherformer/ckks';
import { FileVerdictLedger } from '@cipherformer/runtime/client/files';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openSecret } from '../../src/owner/secret-file.ts';
import { insecureParameters } from '../commands/tiny-model.ts';

const disk = vi.hoisted(() => ({ fails: false }));
vi.mock('@cipherformer/ckks/files', async (original) => {
  const real = await original<typeof import('@cipherformer/ckks/files')>();
  const writeSecretKey: typeof real.writeSecretKey = async (...secret) => {
    if (disk.fails) throw new Error('the disk is full');
    await real.writeSecretKey(...secret);
  };
  return { ...real, writeSecretKey };
});

let context: Context;
beforeAll(async () => {
  context = await Context.create(insecureParameters(), { insecure: true });
});
afterAll(() => context[Symbol.dispose]());

let folder: string;
let file: string;
let counts: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'secret-'));
  file = join(folder, 'secret');
  counts = join(folder, 'secret.verdicts.jsonl');
});
afterEach(() => {
  disk.fails = false;
  rmSync(folder, { recursive: true });
});

describe('row 2: a secret key and its counts are made together', () => {
  it('a key that cannot be written leaves no counts, and the next try works', async () => {
    disk.fails = true;
    await expect(openSecret(file, context)).rejects.toThrow('the disk is full');
    expect(readdirSync(folder)).toEqual([]);
    disk.fails = false;
    using secret = await openSecret(file, context);
    await new FileVerdictLedger(counts, secret.id).load();
  });

  it.each([
    ['nothing', (_: string) => ''],
    ['a part of the first line', (line: string) => line.slice(0, 30)],
    ['the first line', (line: string) => line],
  ])('counts that a kill left alone, with %s, are no hindrance', async (_, left) => {
    await FileVerdictLedger.create(counts, 'ab'.repeat(16));
    writeFileSync(counts, left(readFileSync(counts, 'utf8')));
    using secret = await openSecret(file, context);
    await new FileVerdictLedger(counts, secret.id).load();
  });

  it.each([
    ['that counted', '{"dishonest":1}\n'],
    ['that counted something when the power failed', '{"disho'],
  ])('counts %s are kept, and no key is made beside them', async (_, more) => {
    await FileVerdictLedger.create(counts, 'ab'.repeat(16));
    const before = `${readFileSync(counts, 'utf8')}\n${more}`;
    writeFileSync(counts, before);
    await expect(openSecret(file, context)).rejects.toThrow(/already exists/);
    expect(readFileSync(counts, 'utf8')).toBe(before);
    expect(existsSync(file)).toBe(false);
  });

  it('two that come at the same moment have one key, with its counts', async () => {
    const first = openSecret(file, context);
    while (!existsSync(counts)) await new Promise((resolve) => setImmediate(resolve));
    using second = await openSecret(file, context);
    using made = await first;
    expect(second.id).toBe(made.id);
    await new FileVerdictLedger(counts, made.id).load();
  });
});
