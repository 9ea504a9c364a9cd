import { afterAll, beforeAll, expect, it } from 'vitest';
import { startSharedMachines } from '../shared/stage.ts';
import { folderStage } from '../stage.ts';
import { bundle } from '../support.ts';
import { fuzzedProgram, fuzzService } from './requests.ts';

let files: Awaited<ReturnType<typeof bundle>>;
beforeAll(async () => {
  files = await bundle(['worker', 'server', 'shared-worker']);
});
afterAll(() => files.dispose());

const anySeed = () => Math.floor(Math.random() * 2 ** 30);

it('20,000 requests made from the OpenAPI document get answers that it has, and cost no memory for good', async () => {
  const stage = folderStage(files, fuzzedProgram);
  try {
    const failures: string[] = [];
    const { growthMiB } = await fuzzService(stage, 20_000, anySeed(), (text) => failures.push(text));
    expect(failures).toEqual([]);
    expect(growthMiB).toBeLessThan(100);
  } finally {
    await stage.dispose();
  }
});

it('1,000 requests of a service on Redis and S3 do', async () => {
  const machines = await startSharedMachines();
  const stage = await machines.stage(files, fuzzedProgram);
  try {
    const failures: string[] = [];
    await fuzzService(stage, 1000, anySeed(), (text) => failures.push(text));
    expect(failures).toEqual([]);
  } finally {
    await stage.dispose();
    await machines.stop();
  }
}, 120_000);
