import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isCipherformerError } from '@cipherformer/base';
import { expect, it } from 'vitest';
import { onnxRuntime } from '../../src/onnx/runtime.ts';

it('is there', async () => {
  expect((await onnxRuntime()).Tensor).toBeTypeOf('function');
});

it('where it is not, the line installs what is tested here', async () => {
  const error: unknown = await onnxRuntime(() => Promise.reject(new Error('x'))).catch((thrown) => thrown);
  if (!isCipherformerError(error)) expect.fail('an error of ours');
  const manifest = (path: string) => JSON.parse(readFileSync(join(import.meta.dirname, path), 'utf8'));
  const { version } = manifest('../../../../node_modules/onnxruntime-node/package.json');
  expect(error.hint).toBe(`npm install --ignore-scripts onnxruntime-node@${version}`);
  const { peerDependencies, peerDependenciesMeta } = manifest('../../package.json');
  expect(peerDependencies['onnxruntime-node']).toBe(`^${version}`);
  expect(peerDependenciesMeta['onnxruntime-node'].optional).toBe(true);
});
