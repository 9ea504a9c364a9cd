import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MissingPackageError } from '../../src/errors.ts';
import { type OnnxRuntime, onnxRuntime } from '../../src/onnx/runtime.ts';

const failure = async (load: () => Promise<OnnxRuntime>) => {
  const error: unknown = await onnxRuntime(load).then(
    () => undefined,
    (thrown) => thrown,
  );
  if (!(error instanceof MissingPackageError)) expect.fail('it was to throw');
  return error;
};

it('is there', async () => {
  expect((await onnxRuntime()).Tensor).toBeTypeOf('function');
});

it('where it is not installed, the error ends with the line that installs it', async () => {
  const { code, message, hint } = await failure(() =>
    Promise.reject(
      Object.assign(new Error("Cannot find package 'onnxruntime-node' imported from a.js"), {
        code: 'ERR_MODULE_NOT_FOUND',
      }),
    ),
  );
  expect(code).toBe('missing-package');
  expect(message).toContain('is not installed');
  expect(message.endsWith(hint)).toBe(true);
});

it('where its library does not load, it says why', async () => {
  const { message } = await failure(() => Promise.reject(new Error('libonnxruntime.so.1: no such file')));
  expect(message).toContain('cannot be loaded (libonnxruntime.so.1: no such file)');
});

it('the line installs what is tested here', async () => {
  const { hint } = await failure(() => Promise.reject(new Error('x')));
  const manifest = (path: string) => JSON.parse(readFileSync(join(import.meta.dirname, path), 'utf8'));
  const { version } = manifest('../../../../node_modules/onnxruntime-node/package.json');
  expect(hint).toBe(`npm install --ignore-scripts onnxruntime-node@${version}`);
  const { peerDependencies, peerDependenciesMeta, devDependencies } = manifest('../../package.json');
  expect(peerDependencies['onnxruntime-node']).toBe(`^${version}`);
  expect(devDependencies['onnxruntime-node']).toBe(`^${version}`);
  expect(peerDependenciesMeta['onnxruntime-node'].optional).toBe(true);
});
