import { afterEach, describe, expect, it, vi } from 'vitest';
import { startPace } from '../../../base/src/pace.ts';
import { startStages } from '../../src/terminal/progress.ts';

afterEach(() => vi.useRealTimers());
const clock = () => vi.useFakeTimers({ toFake: ['performance'] });

describe('the time that is left', () => {
  it('goes by the speed since the beginning, and is not known before something was done', () => {
    const time = clock();
    const pace = startPace();
    expect(pace(0, 10)).toBeUndefined();
    time.advanceTimersByTime(2000);
    expect([pace(0, 10), pace(1, 10), pace(4, 10), pace(10, 10)]).toEqual([undefined, 18, 3, 0]);
  });

  it('does not count what was done before: a resumed upload is no fast one', () => {
    const time = clock();
    const pace = startPace(90);
    expect(pace(90, 100)).toBeUndefined();
    time.advanceTimersByTime(5000);
    expect(pace(95, 100)).toBe(5);
  });

  it('is shown for each stage, by who knows it best', () => {
    const time = clock();
    const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const stages = startStages();
    stages.update({ what: 'keys', done: 50, total: 100, detail: '0 MiB sent' });
    time.advanceTimersByTime(20_000);
    stages.update({ what: 'keys', done: 75, total: 100, detail: '8 MiB sent' });
    stages.update({ what: 'run', done: 1, total: 33, secondsLeft: 61 });
    const lines = written.mock.calls.join('');
    written.mockRestore();
    expect(lines).toBe('keys 50/100 0 MiB sent | ETA ?\nkeys 75/100 8 MiB sent | ETA 20s\nrun 1/33 ETA 1m1s\n');
  });
});
