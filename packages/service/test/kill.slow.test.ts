import { expect, it } from 'vitest';
import { killRepeatedly } from './kills.ts';

it('500 kills lose nothing that was acknowledged, and nothing half-written is trusted', async () => {
  const report = await killRepeatedly(500, Math.random);
  process.stdout.write(`${JSON.stringify(report)}\n`);
  expect(report.halfWritten).toBeGreaterThan(100);
});
