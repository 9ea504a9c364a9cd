// The keys of a program are planned when it is compiled and when it is opened, once each, however often it then runs.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openProgram, writeProgram } from '@cipherformer/compiler';
import { prepareInput } from '@cipherformer/model';
import { savePolynomialModel } from '@cipherformer/model/files';
import { afterAll, afterEach, expect, it, vi } from 'vitest';
import { planKeys } from '../../../runtime/src/keys/key-plan.ts';
import { EncryptedSession } from '../../src/evaluate/session.ts';
import { insecureParameters, tinyModel } from '../commands/tiny-model.ts';

vi.mock('../../../runtime/src/keys/key-plan.ts', { spy: true });
const plans = vi.mocked(planKeys);

const folder = mkdtempSync(join(tmpdir(), 'planned-once-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => void plans.mockClear());
const model = join(folder, 'model');
savePolynomialModel(model, tinyModel(3));

it('once to compile, once to open, and never again for two runs', async () => {
  const path = join(folder, 'program');
  await writeProgram(model, path, {}, insecureParameters());
  expect(plans).toHaveBeenCalledTimes(1);
  const opened = await openProgram(path, { insecure: true });
  expect(plans).toHaveBeenCalledTimes(2);
  using session = await EncryptedSession.open(opened, undefined, { insecure: true });
  const input = prepareInput(tinyModel(3), { pixels: Array.from({ length: 16 }, (_, i) => 16 * i) });
  for (let run = 0; run < 2; run++) expect(await session.ask([input])).toHaveLength(1);
  expect(plans).toHaveBeenCalledTimes(2);
});

it('compiled for throughput: once for every batch that was tried, the chosen one among them', async () => {
  const opened = await writeProgram(model, join(folder, 'many'), { batch: 'throughput' }, insecureParameters());
  const programs = plans.mock.calls.flatMap(([together]) => together);
  expect(programs).toContain(opened.program);
  expect(new Set(programs).size).toBe(programs.length);
});
