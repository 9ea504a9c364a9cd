// The tarballs in an empty folder, as README says: installed without install scripts by a user who is not root and has no
// compiler, then used without a network, at 128-bit security. On other Nodes: `npm run check nodes`.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compilerFor } from '../packages/ckks/scripts/packed-addons.mjs';
import { Installation } from '../scripts/installed.mjs';
import { encryptedAnswer, installedFigures, smallSteps } from '../scripts/stranger.mjs';

const native = process.platform === 'linux' ? `linux-${process.arch}-gnu` : undefined;
const platform = native !== undefined && compilerFor(native) !== undefined ? native : undefined;

let installation: Installation;
beforeAll(async () => {
  installation = await Installation.make({ platform });
  installation.copyShipped();
});
afterAll(() => installation?.remove());

it('installs within 60 MB, and nothing in it has an install script', () => {
  const { bytes, installScripts } = installedFigures(installation);
  expect(installScripts).toBe(0);
  expect(bytes).toBeLessThan(60e6);
  expect(bytes).toBeGreaterThan(10e6);
});

it('loads its kernels, reads models in clear, serves a page; without ONNX Runtime it says how to get it, with it it works', async () => {
  const figures = await smallSteps(installation);
  expect(figures).toMatchObject({ builtHere: false, predicted: '2', page: true, withoutOnnxRuntime: 1, saysHow: true });
  expect(['ifma', 'fma', 'scalar'].includes(figures.kernels)).toBe(platform !== undefined);
  expect(figures.knownAnswers).toBeGreaterThanOrEqual(platform === undefined ? 19 : 2 * 19);
  expect(figures.accuracyWithOnnxRuntime).toBeGreaterThan(0.9);
});

it('README’s first example gets an encrypted answer', async () => {
  expect(await encryptedAnswer(installation)).toBe('2');
});
