import { expect, it } from 'vitest';
import { killRepeatedly } from './kills.ts';

it('20 kills lose nothing that was acknowledged, and nothing half-written is trusted', async () => {
  const report = await killRepeatedly(20, Math.random);
  expect(report.parts).toBeGreaterThan(20);
  expect(report.keysets).toBeGreaterThan(5);
  expect(report.jobs).toBeGreaterThan(5);
  // The kills hit where it hurts.
  expect(report.halfWritten).toBeGreaterThan(5);
}, 120_000);
