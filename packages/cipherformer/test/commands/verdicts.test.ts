// What the verb decrypt counts beside a secret key, and what it refuses by it.
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ciphertext, Context, ciphertextToWire } from '@cipherformer/ckks';
import { writeWireFile } from '@cipherformer/ckks/files';
import { writeProgram } from '@cipherformer/compiler';
import { savePolynomialModel } from '@cipherformer/model/files';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { sealEnvelope } from '../../../runtime/src/protocol/envelope.ts';
import { insecureCli as cli } from './cli.ts';
import { insecureParameters, tinyModel } from './tiny-model.ts';

const terminal = vi.hoisted(() => ({ person: false, yes: false, asked: '' }));
vi.mock('../../src/terminal/confirm.ts', () => ({
  canAsk: () => terminal.person,
  confirm: async (question: string) => {
    terminal.asked = question;
    return terminal.yes;
  },
}));

const folder = mkdtempSync(join(tmpdir(), 'verdicts-'));
const at = (name: string) => join(folder, name);
const ledger = at('keys/secret.verdicts.jsonl');
const counts = () => readFileSync(ledger, 'utf8').split('\n').filter(Boolean).slice(1).map((line) => JSON.parse(line)); // biome-ignore format: short
const decrypt = (result: string, request: string, ...more: string[]) =>
  cli('decrypt', at('program'), '--keys', at('keys/secret'), '--input', at(result), '--request', at(request), ...more);

beforeAll(async () => {
  const model = tinyModel(3);
  savePolynomialModel(at('model'), model);
  await writeProgram(at('model'), at('program'), { batch: 1 }, insecureParameters());
  await cli('keygen', at('program'), '--out', at('keys'));
  const image = Array.from({ length: 16 }, (_, i) => (((i * 37) % 256) / 255 - 0.5) / 0.5);
  for (const [name, factor] of [['near', 1], ['far', 8]] as const) {
    writeFileSync(at(`${name}.json`), JSON.stringify({ image: image.map((value) => value * factor) }));
    await cli('encrypt', at('program'), '--keys', at('keys/secret'), '--input', at(`${name}.json`), '--out', at(`${name}-in`));
    await cli('run', at('program'), '--keys', at('keys/evaluation'), '--input', at(`${name}-in`), '--out', at(`${name}-out`));
  } // biome-ignore format: one call a line
  await writeForged();
  copyFileSync(ledger, at('fresh'));
}, 60_000);

afterAll(() => {
  rmSync(folder, { recursive: true });
});

beforeEach(() => copyFileSync(at('fresh'), ledger));

/** A result of the right shapes, bound to the request, from nothing but public facts: c1 = 0, no key, no model. */
async function writeForged(): Promise<void> {
  const manifest = JSON.parse(readFileSync(at('program/client/manifest.json'), 'utf8'));
  const { key, request } = headerOf(at('near-out'));
  using context = await Context.create(insecureParameters(), { insecure: true });
  const made = manifest.outputs.map(({ level, scale }: { level: number; scale: number }) => {
    const ciphertext = new Ciphertext(context, level, scale, manifest.slots);
    ciphertext.clear();
    return ciphertext;
  });
  const header = { kind: 'outputs', program: manifest.digest, key, request } as const;
  await writeWireFile(at('forged'), await sealEnvelope(header, made.map(ciphertextToWire)));
}

function headerOf(file: string): { key: string; request: string } {
  const bytes = readFileSync(file);
  return JSON.parse(bytes.subarray(12, 12 + bytes.readUInt32LE(8)).toString());
}

describe('row 2: verdicts are counted beside the secret key', () => {
  it('not those that tell nothing: an answer in range, a file of something else, a damaged one', async () => {
    expect((await decrypt('near-out', 'near-in')).code).toBe(0);
    expect((await decrypt('near-out', 'far-in')).code).toBe(1);
    expect((await decrypt('near-in', 'near-in')).code).toBe(1);
    const damaged = readFileSync(at('near-out'));
    damaged[damaged.length >> 1]! ^= 1;
    writeFileSync(at('damaged'), damaged);
    expect((await decrypt('damaged', 'near-in')).code).toBe(1);
    expect(counts()).toEqual([]);
  });

  it('a result that no server makes: three of them lock the key, for honest results too', async () => {
    for (const number of [1, 2, 3]) {
      const { code, out, err } = await decrypt('forged', 'near-in');
      expect([code, out]).toEqual([1, '']);
      expect(err).toContain('written without any key');
      expect(err).toContain(`It is number ${number}; ${number < 3 ? 'after 3 of them' : 'the key is locked now'}`);
      if (number < 3) expect((await decrypt('near-out', 'near-in')).code).toBe(0);
    }
    expect(counts()).toEqual([{ dishonest: 1 }, { dishonest: 1 }, { dishonest: 1 }]);
    for (const more of [[], ['--reveal', '--force'], ['--shareable'], ['--allow-more-out-of-range']]) {
      const { code, out, err } = await decrypt('near-out', 'near-in', ...more);
      expect([code, out]).toEqual([1, '']);
      expect(err).toMatch(/this key is locked.*Make a new key/);
    }
  });

  it('examples out of range: after 256 the owner is asked, here by a flag for the next 256', async () => {
    expect((await decrypt('far-out', 'far-in')).code).toBe(3);
    expect(counts()).toEqual([{ outOfRange: 1 }]);
    appendFileSync(ledger, '\n{"outOfRange":254}\n');
    expect((await decrypt('far-out', 'far-in')).code).toBe(3);
    for (const result of ['near', 'far']) {
      const { code, out, err } = await decrypt(`${result}-out`, `${result}-in`);
      expect([code, out]).toEqual([1, '']);
      expect(err).toContain('256 examples were found out of range');
      expect(err).toContain('--allow-more-out-of-range');
    }
    expect((await decrypt('near-out', 'near-in', '--allow-more-out-of-range')).code).toBe(0);
    expect((await decrypt('far-out', 'far-in')).code).toBe(3);
    expect(counts().slice(-2)).toEqual([{ allowed: 512 }, { outOfRange: 1 }]);
  });

  it('a person at a terminal is asked instead, before anything is shown', async () => {
    appendFileSync(ledger, '\n{"outOfRange":256}\n');
    terminal.person = true;
    try {
      const no = await decrypt('near-out', 'near-in');
      expect([no.code, no.out, counts().length]).toEqual([1, '', 1]);
      expect(terminal.asked).toMatch(/256 examples were found out of range.*Show the next 256\?/);
      terminal.yes = true;
      expect((await decrypt('near-out', 'near-in')).code).toBe(0);
      expect(counts()).toEqual([{ outOfRange: 256 }, { allowed: 512 }]);
    } finally {
      Object.assign(terminal, { person: false, yes: false });
    }
  });

  it('without the counts there is no answer: lost, damaged, or of another key', async () => {
    const refused = async (message: string) => {
      const { code, out, err } = await decrypt('near-out', 'near-in');
      expect([code, out, err]).toEqual([1, '', expect.stringContaining(message)]);
    };
    rmSync(ledger);
    await refused('put it back');
    writeFileSync(ledger, '');
    await refused('is damaged');
    writeFileSync(ledger, readFileSync(at('fresh'), 'utf8').replace(/"key":"[0-9a-f]{4}/, '"key":"0000'));
    await refused('counts for the secret key 0000');
  });

  it('Ctrl-C while keygen makes the key ends it in order: both are there, or neither', async () => {
    const asked = cli('keygen', at('program'), '--out', at('stopped'));
    while (!existsSync(at('stopped/secret.verdicts.jsonl'))) await new Promise((resolve) => setImmediate(resolve));
    expect(process.emit('SIGINT')).toBe(true);
    expect((await asked).code).toBe(130);
    expect(readdirSync(at('stopped')).filter((name) => name.startsWith('secret')).length).not.toBe(1);
    expect((await cli('keygen', at('program'), '--out', at('stopped'))).code).toBe(0);
  });

  it('keygen starts none again that have counted', async () => {
    mkdirSync(at('orphan'));
    writeFileSync(at('orphan/secret.verdicts.jsonl'), `${readFileSync(at('fresh'), 'utf8')}\n{"outOfRange":1}\n`);
    const { code, err } = await cli('keygen', at('program'), '--out', at('orphan'));
    expect([code, err]).toEqual([1, expect.stringContaining('verdicts.jsonl already exists')]);
  });
});
