import { expect, it } from 'vitest';
import { MissingPackageError } from '../src/errors.ts';
import { optionalPackage } from '../src/optional-package.ts';

const described = { name: 'vega', purpose: 'Plots are drawn by vega', install: 'npm install vega@6' };

async function failure(cause: Error): Promise<MissingPackageError> {
  try {
    await optionalPackage(() => Promise.reject(cause), described);
  } catch (error) {
    if (error instanceof MissingPackageError) return error;
  }
  return expect.fail('it was to throw a MissingPackageError');
}

const notFound = (name: string) =>
  Object.assign(new Error(`Cannot find package '${name}' imported from a.js`), { code: 'ERR_MODULE_NOT_FOUND' });

it('is what was loaded', async () => {
  expect(await optionalPackage(async () => 3, described)).toBe(3);
});

it('where it is absent, the message ends with the line that installs it', async () => {
  const { code, message, hint, cause } = await failure(notFound('vega'));
  expect(code).toBe('missing-package');
  expect(message).toBe('Plots are drawn by vega, which is not installed: npm install vega@6');
  expect(hint).toBe('npm install vega@6');
  expect(cause).toBeInstanceOf(Error);
});

it('where it does not load, or lacks a package of its own, the message says why', async () => {
  expect((await failure(new Error('libx.so.1: no such file'))).message).toContain('loaded (libx.so.1: no such file)');
  expect((await failure(notFound('vega-lite'))).message).toContain("loaded (Cannot find package 'vega-lite'");
});
