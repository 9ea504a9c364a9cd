// The first question from end to end on the command line: a service as `serve` starts it and `query`, on an insecure ring.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Transport } from '@cipherformer/client';
import { evaluate, prepareInput } from '@cipherformer/nn/polynomial';
import { savePolynomialModel } from '@cipherformer/nn/polynomial/folder';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { insecureCli as cli } from '../commands/cli.ts';
import { tinyModel } from '../commands/tiny-model.ts';
import { png } from '../input/png.ts';
import { bundled, startInsecure } from './support.ts';

const folder = mkdtempSync(join(tmpdir(), 'query-'));
const at = (name: string) => join(folder, name);
const pixels = Array.from({ length: 16 }, (_, i) => (i * 37) % 256);
const model = tinyModel(3);
let files: Awaited<ReturnType<typeof bundled>>;
let running: Awaited<ReturnType<typeof startInsecure>>;
let url: string;
const query = (...more: string[]) => cli('query', url, '--keys', at('keys'), ...more);

beforeAll(async () => {
  files = await bundled();
  savePolynomialModel(at('model'), model);
  writeFileSync(at('digit.png'), png(4, 4, 1, pixels));
  writeFileSync(at('input.json'), JSON.stringify({ pixels }));
  running = await startInsecure(files.worker, { folders: [at('model')], data: at('data') });
  url = running.service.url;
}, 60_000);

afterAll(async () => {
  await running?.service.close();
  files?.dispose();
  rmSync(folder, { recursive: true });
});

describe('query', () => {
  it('makes keys, sends them, asks, and answers as the polynomial model in clear', async () => {
    const { code, out, err } = await query('--image', at('digit.png'), '--json', '--reveal');
    expect([code, err]).toEqual([0, expect.stringMatching(/making and sending keys[\s\S]*ETA[\s\S]*encrypting/)]);
    const { logits, inRange } = JSON.parse(out).results[0];
    expect(inRange).toBe(true);
    const expected = [...evaluate(model.graph, prepareInput(model, { pixels }))];
    const size = Math.max(...expected.map(Math.abs));
    for (const [k, value] of expected.entries()) expect(Math.abs(logits[k] - value)).toBeLessThan(1e-3 * size);
    const names = readdirSync(at('keys')).sort();
    expect(names).toEqual(['secret', 'secret.parts', 'secret.verdicts.jsonl']);
    for (const name of names) expect(statSync(at(`keys/${name}`)).mode & 0o777).toBe(0o600);
    expect(statSync(at('keys')).mode & 0o777).toBe(0o700);
  });
});
