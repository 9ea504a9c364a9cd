// What is remembered of parts saves work and decides nothing: damage must not look like a second message under a seed.
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FilePartMemory } from '../../src/keys/part-memory-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'part-memory-'));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'secret.parts');
const key = 'ab'.repeat(16);
const digest = (i: number) => i.toString(16).padStart(64, '0');

describe('the memory of parts', () => {
  it('is there again when it is opened again, for its owner alone', async () => {
    const memory = await FilePartMemory.open(path, key);
    for (let i = 0; i < 5; i++) memory.set(`part/${i}`, digest(i));
    const again = await FilePartMemory.open(path, key);
    for (let i = 0; i < 5; i++) expect(again.get(`part/${i}`)).toBe(digest(i));
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('forgets a line with any character another, or cut short, and no other line', async () => {
    const whole = readFileSync(path, 'latin1');
    const from = whole.indexOf(`${digest(2)} `);
    const to = whole.indexOf('\n', from);
    for (let at = from; at < to; at++) {
      const changed = String.fromCharCode(whole.charCodeAt(at) ^ 1);
      writeFileSync(path, whole.slice(0, at) + changed + whole.slice(at + 1), 'latin1');
      const memory = await FilePartMemory.open(path, key);
      expect([at, memory.get('part/2')]).toEqual([at, undefined]);
      for (const i of [1, 3]) expect(memory.get(`part/${i}`)).toBe(digest(i));
    }
    writeFileSync(path, whole.slice(0, to - 3), 'latin1');
    const cut = await FilePartMemory.open(path, key);
    expect([cut.get('part/1'), cut.get('part/2')]).toEqual([digest(1), undefined]);
    cut.set('part/9', digest(9));
    expect((await FilePartMemory.open(path, key)).get('part/9')).toBe(digest(9));
  });

  it('of another key, or of none, is begun again', async () => {
    expect((await FilePartMemory.open(path, 'cd'.repeat(16))).get('part/1')).toBeUndefined();
    appendFileSync(path, '\u0000\u0000');
    expect((await FilePartMemory.open(path, key)).get('part/1')).toBeUndefined();
  });
});
