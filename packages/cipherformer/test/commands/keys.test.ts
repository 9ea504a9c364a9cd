import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli } from './cli.ts';

const home = mkdtempSync(join(tmpdir(), 'keys-cli-'));
const kept = join(home, 'cipherformer/keys');
const { XDG_DATA_HOME: before } = process.env;

beforeAll(() => {
  process.env.XDG_DATA_HOME = home;
});
afterAll(() => {
  if (before === undefined) delete process.env.XDG_DATA_HOME;
  else process.env.XDG_DATA_HOME = before;
  rmSync(home, { recursive: true });
});

describe('keys', () => {
  it('lists the secret keys that query keeps, and removes the one that is named', async () => {
    expect((await cli('keys')).out).toBe(`no secret keys are kept in ${kept}\n`);
    for (const name of ['aaaaaaaaaaaa', 'bbbbbbbbbbbb']) {
      mkdirSync(join(kept, name), { recursive: true });
      writeFileSync(join(kept, name, 'secret'), 'bytes');
    }
    mkdirSync(join(kept, 'no key'));
    const names = async () => JSON.parse((await cli('keys', 'list', '--json')).out).keys.map((key: { name: string }) => key.name); // biome-ignore format: short
    expect(await names()).toEqual(['aaaaaaaaaaaa', 'bbbbbbbbbbbb']);
    const asked = await cli('keys', 'remove', 'aaaaaaaaaaaa');
    expect([asked.code, asked.err]).toEqual([2, expect.stringContaining('give --yes')]);
    const other = await cli('keys', 'remove', '../..', '--yes');
    expect([other.code, other.err]).toEqual([1, expect.stringContaining('there are aaaaaaaaaaaa, bbbbbbbbbbbb')]);
    expect((await cli('keys', 'remove', 'aaaaaaaaaaaa', '--yes', '--json')).code).toBe(0);
    expect(existsSync(join(kept, 'aaaaaaaaaaaa'))).toBe(false);
    expect(await names()).toEqual(['bbbbbbbbbbbb']);
  });
});
