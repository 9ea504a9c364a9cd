// Kills where services and workers share Redis and a bucket. Every step, and kills at any moment: npm run check service-kills.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { FaultPoint } from '../../src/faults.ts';
import { surviveKill } from '../kill-points.ts';
import { killRepeatedly } from '../kills.ts';
import type { Stage } from '../stage.ts';
import { bundle } from '../support.ts';
import { type SharedMachines, startSharedMachines } from './stage.ts';

let files: Awaited<ReturnType<typeof bundle>>;
let machines: SharedMachines;
beforeAll(async () => {
  files = await bundle(['worker', 'server', 'shared-worker']);
  machines = await startSharedMachines();
});
afterAll(async () => {
  await machines.stop();
  files.dispose();
});

async function on<T>(use: (stage: Stage) => Promise<T>): Promise<T> {
  const stage = await machines.stage(files);
  return use(stage).finally(() => stage.dispose());
}

it.each<FaultPoint>(['part-placed', 'job-kept', 'run-begun', 'result-placed'])(
  'a kill at the step %s loses nothing that was acknowledged, and does nothing twice',
  async (point) => {
    expect(await on((stage) => surviveKill(stage, point))).toBe(1);
  },
  120_000,
);

it('3 kills at any moment, of the service and of the worker, lose nothing that was acknowledged', async () => {
  const report = await on((stage) => killRepeatedly(stage, 3, Math.random, files.path('worker')));
  expect(report.parts).toBeGreaterThan(3);
}, 120_000);
