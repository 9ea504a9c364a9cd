// What the demo reads: in the repository, and packed with the package, where there is no repository.
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '@cipherformer/base';
import { loadPolynomialModel } from '@cipherformer/model/files';
import { loadModel } from '@cipherformer/nn';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { copyShipped } from '../../../../scripts/packages.mjs';
import { demoFolder, demoPaths } from '../../src/demo/folder.ts';
import { demoRecipe, testImages } from '../../src/demo/samples.ts';

const own = join(import.meta.dirname, '../..');
const repository = join(own, '../..');
let installed: string;
beforeEach(() => {
  installed = mkdtempSync(join(tmpdir(), 'installed-'));
});
afterEach(() => rmSync(installed, { recursive: true, force: true }));

it('the repository’s, where none are packed', () => {
  expect(demoFolder()).toBe(repository);
  expect(testImages().count).toBe(500);
  expect(demoRecipe().name).toBe('demo');
});

it('packed: everything that the demo reads, in 2 MiB', () => {
  copyShipped(installed);
  const folder = demoFolder(installed);
  expect(folder).toBe(installed);
  const paths = demoPaths(folder);
  expect(loadPolynomialModel(paths.polynomial)).toEqual(loadPolynomialModel(demoPaths().polynomial));
  expect(loadModel(paths.original)).toEqual(loadModel(demoPaths().original));
  expect(testImages(paths)).toEqual(testImages());
  const recipe = demoRecipe(paths);
  expect(recipe).toEqual(demoRecipe());
  const { data } = recipe;
  if (data?.kind !== 'mnist') expect.fail('the demo is of digits');
  expect(readdirSync(paths.samples)).toEqual(expect.arrayContaining(Object.values({ ...data.train, ...data.test })));
  const bytes = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
  expect(bytes).toBeLessThan(2.2 * 2 ** 20);
});

it('nowhere: an error that says so', () => {
  expect(() => demoFolder(installed)).toThrow(UsageError);
});
