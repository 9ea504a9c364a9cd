import { UsageError } from '@cipherformer/base';
import { describe, expect, it } from 'vitest';
import { benchPlans, planTable } from '../../src/bench/plans.ts';

describe('plans of models', () => {
  it('tell what each would cost, and how far they are', async () => {
    const told: (number | undefined)[] = [];
    const [row, ...more] = await benchPlans({ models: ['bert-tiny'], progress: ({ done }) => void told.push(done) });
    expect(more).toEqual([]);
    expect(told).toEqual([0, 1]);
    expect(row!.bootstraps).toBeGreaterThan(0);
    expect(row!.cpuSecondsPerInput).toBe(row!.cpuSeconds);
    expect(planTable([row!])).toContain('BERT-Tiny');
  });

  it('refuse what is neither a shape nor a folder, and end with the signal', async () => {
    await expect(benchPlans({ models: ['nothing'] })).rejects.toThrow(UsageError);
    const stop = new AbortController();
    const reason = new Error('stopped');
    const progress = () => stop.abort(reason);
    await expect(benchPlans({ models: ['minilm', 'nothing'], progress, signal: stop.signal })).rejects.toBe(reason);
  });
});
