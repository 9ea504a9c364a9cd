import { afterAll, beforeAll, expect, it } from 'vitest';
import { faultPoints } from '../src/faults.ts';
import { surviveKill } from './kill-points.ts';
import { killRepeatedly } from './kills.ts';
import { bundle, workspace } from './support.ts';

let files: Awaited<ReturnType<typeof bundle>>;
beforeAll(async () => {
  files = await bundle(['worker', 'server']);
});
afterAll(() => files.dispose());

it.each(faultPoints)(
  'a kill at the step %s loses nothing that was acknowledged, and does nothing twice',
  async (point) => {
    const place = workspace();
    try {
      expect(await surviveKill(files, place, point)).toBe(1);
    } finally {
      place.dispose();
    }
  },
  120_000,
);

it('20 kills at any moment lose nothing that was acknowledged, and nothing half-written is trusted', async () => {
  const report = await killRepeatedly(20, Math.random);
  expect(report.parts).toBeGreaterThan(20);
  expect(report.keysets).toBeGreaterThan(5);
  expect(report.jobs).toBeGreaterThan(5);
  // The kills hit where it hurts.
  expect(report.halfWritten).toBeGreaterThan(5);
}, 240_000);
