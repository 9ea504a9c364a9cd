import { afterAll, beforeAll, expect, it } from 'vitest';
import { faultPoints } from '../src/faults.ts';
import { surviveKill } from './kill-points.ts';
import { killRepeatedly } from './kills.ts';
import { folderStage, type Stage } from './stage.ts';
import { bundle } from './support.ts';

let files: Awaited<ReturnType<typeof bundle>>;
beforeAll(async () => {
  files = await bundle(['worker', 'server']);
});
afterAll(() => files.dispose());

async function on<T>(use: (stage: Stage) => Promise<T>): Promise<T> {
  const stage = folderStage(files);
  return use(stage).finally(() => stage.dispose());
}

it.each(faultPoints)(
  'a kill at the step %s loses nothing that was acknowledged, and does nothing twice',
  async (point) => {
    expect(await on((stage) => surviveKill(stage, point))).toBe(1);
  },
  120_000,
);

it('20 kills at any moment lose nothing that was acknowledged, and nothing half-written is trusted', async () => {
  const report = await on((stage) => killRepeatedly(stage, 20, Math.random, files.path('worker')));
  expect(report.parts).toBeGreaterThan(20);
  expect(report.keysets).toBeGreaterThan(5);
  expect(report.jobs).toBeGreaterThan(5);
  // The kills hit where it hurts.
  expect(report.halfWritten).toBeGreaterThan(5);
}, 240_000);
