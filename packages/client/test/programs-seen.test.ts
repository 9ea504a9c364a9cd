// A program that took the place of another is shown to the owner, and nothing else is.
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { describeChange, type ProgramChange, ProgramChanged, type SeenProgram } from '../src/errors.ts';
import { fileProgramMemory } from '../src/file-programs.ts';
import { meetProgram, type ProgramMemory, refuseChange } from '../src/programs-seen.ts';
import { digest } from './support.ts';

const folder = mkdtempSync(join(tmpdir(), 'programs-'));
afterAll(() => rmSync(folder, { recursive: true }));

const seen = (digit: string): SeenProgram => ({ digest: digest(digit), plan: digest('f') });
const served = (...digits: string[]) => digits.map((digit) => ({ ...seen(digit), summary: {}, files: [] }));
const parts = { keptParts: 3, newParts: 2, newBytes: 2 ** 30 };
const meet = (memory: ProgramMemory, digit: string, others: readonly string[], agree: (change: ProgramChange) => Promise<void>) =>
  meetProgram(memory, { name: 'digits', now: seen(digit), ...parts }, served(digit, ...others), agree); // biome-ignore format: a line

let count = 0;
const nothing = () => fileProgramMemory(join(folder, `${count++}`), 'http://localhost:8080');

describe('a program', () => {
  it('of a first visit, of later ones, and beside others of its name, is nothing to ask about', async () => {
    const memory = nothing();
    for (const [digit, others] of [['1', []], ['1', []], ['2', ['1']], ['1', ['2']], ['3', ['1', '2']]] as const)
      await meet(memory, digit, others, refuseChange); // biome-ignore format: a table
    expect(await memory.get('digits')).toEqual([seen('1'), seen('2'), seen('3')]);
  });

  it('in the place of one that is gone is asked about until it is agreed to, then known', async () => {
    const memory = nothing();
    await meet(memory, '1', [], refuseChange);
    for (let asked = 0; asked < 2; asked++)
      await expect(meet(memory, '2', [], refuseChange)).rejects.toMatchObject({
        code: 'program-changed',
        change: { name: 'digits', before: seen('1'), now: seen('2'), ...parts },
      });
    const agree = vi.fn(async () => {});
    await meet(memory, '2', [], agree);
    expect(agree).toHaveBeenCalledTimes(1);
    await meet(memory, '2', [], refuseChange);
    // Back to what it was is a change, too.
    await expect(meet(memory, '1', [], refuseChange)).rejects.toThrow(ProgramChanged);
  });

  it('is described with what is kept and what would be made, and with nothing that a terminal obeys', () => {
    const change = { name: 'digits\u202e\u001b[2J', before: seen('1'), now: seen('2'), ...parts };
    expect(describeChange(change)).toMatch(
      /^the service has another program under the name digits\\u202e\\u001b\[2J than before: 222222222222 in the place of 111111111111; of its keys 3 parts are at the service already, 2 \(1\.00 GiB\) would be made$/,
    );
    expect(describeChange({ ...change, newParts: 0 })).toMatch(/; it needs no other keys$/);
  });
});

describe('its file', () => {
  it('is its owner’s alone, keeps services and names apart, and is begun again where it is damaged', async () => {
    const file = join(folder, 'secret');
    const [here, there] = ['http://localhost:8080/', 'http://localhost:8081'].map((url) => fileProgramMemory(file, url)) as [ProgramMemory, ProgramMemory]; // biome-ignore format: a line
    await Promise.all([here.keep('a', [seen('1')]), there.keep('a', [seen('2')]), here.keep('c', [seen('3')])]);
    const again = fileProgramMemory(file, 'http://localhost:8080');
    expect([await again.get('a'), await there.get('a'), await again.get('b')]).toEqual([[seen('1')], [seen('2')], []]);
    for (const name of ['constructor', 'toString']) expect(await again.get(name)).toEqual([]);
    expect(statSync(`${file}.programs`).mode & 0o777).toBe(0o600);
    for (const damaged of ['', '{', 'null', '{"format":"cipherformer-programs/2","services":{}}']) {
      writeFileSync(`${file}.programs`, damaged);
      expect(await again.get('a')).toEqual([]);
    }
    await again.keep('a', [seen('4')]);
    expect(await again.get('a')).toEqual([seen('4')]);
  });
});
