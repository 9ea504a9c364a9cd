// The reference that `npm run docs` makes: every entry of every package, without a fault in a docstring.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { makeReference } from '../scripts/docs-api.mjs';

const out = mkdtempSync(join(tmpdir(), 'reference-'));
afterAll(() => rmSync(out, { recursive: true }));

it('has a page of what is exported, and docstrings without a fault', async () => {
  expect(await makeReference(out)).toEqual([]);
  for (const page of ['functions/cipherformer.serve.html', 'classes/_cipherformer_ckks.SecretKey.html', 'modules/_cipherformer_runtime_client_files.html'])
    expect(existsSync(join(out, page)), page).toBe(true);
  expect(readFileSync(join(out, 'functions/cipherformer.serve.html'), 'utf8')).toContain('Throws');
}); // biome-ignore format: short
