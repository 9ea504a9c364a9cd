import { describe, expect, it } from 'vitest';
import { Mutex } from '../src/index.ts';

describe('a mutex', () => {
  it('runs one task after another, in their order, also behind one that failed', async () => {
    const mutex = new Mutex();
    const seen: string[] = [];
    const task = (name: string, ms: number) => async () => {
      seen.push(`${name} begins`);
      await new Promise((resolve) => setTimeout(resolve, ms));
      seen.push(`${name} ends`);
      if (name === 'a') throw new Error('a fails');
      return name;
    };
    const [a, b] = await Promise.allSettled([mutex.run(task('a', 20)), mutex.run(task('b', 0))]);
    expect([a.status, b]).toEqual(['rejected', { status: 'fulfilled', value: 'b' }]);
    expect(seen).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
  });
});
