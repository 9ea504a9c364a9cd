// What is told of a folder without a list of keys that can be read.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Parameters } from '@cipherformer/ckks';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FileError } from '../../src/errors.ts';
import { keyListFile, partsFolder, readKeyList } from '../../src/keys/key-folder.ts';
import { insecureLiteral } from '../backends/support.ts';

const parameters = Parameters.from(insecureLiteral, { insecure: true });
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keys-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function refusal(): Promise<string> {
  const error: unknown = await readKeyList(folder, parameters).catch((refused: unknown) => refused);
  expect(error).toBeInstanceOf(FileError);
  return (error as FileError).message;
}

it('no list, a list that keygen has not come to, and one that is there and cannot be read', async () => {
  expect(await refusal()).toMatch(/there is no .*: give the folder "evaluation"/);
  mkdirSync(join(folder, partsFolder));
  expect(await refusal()).toMatch(/run the same keygen again/);
  mkdirSync(join(folder, keyListFile));
  expect(await refusal()).toMatch(/cannot read .*\(EISDIR\)/);
});
