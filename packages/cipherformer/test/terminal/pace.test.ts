import { afterEach, describe, expect, it, vi } from 'vitest';
import { startPace } from '../../../base/src/pace.ts';
import { startBar, startStages } from '../../src/terminal/progress.ts';

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

  it('shows a line every ten seconds, and never that nothing is left before the end', () => {
    const time = clock();
    const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const bar = startBar('train', 1000);
    for (let done = 0; done < 1000; done += 20, time.advanceTimersByTime(1000)) bar.update(done, '', 0.2);
    bar.update(1000);
    const lines = written.mock.calls.map(([text]) => String(text));
    written.mockRestore();
    expect(lines.length).toBe(6);
    expect(lines.slice(0, 5).every((line) => line.endsWith('ETA 1s\n'))).toBe(true);
    expect(lines[5]).toBe('train 1000/1000 done in 50s\n');
  });

  it('shows a line every ten seconds of work that tells nothing, until it ends', () => {
    vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] });
    const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const stages = startStages();
    stages.update({ what: 'compiling', done: 0, total: 1 });
    vi.advanceTimersByTime(25_000);
    stages.update({ what: 'compiling', done: 1, total: 1 });
    vi.advanceTimersByTime(25_000);
    stages.update({ what: 'keys', done: 1, total: 4 });
    stages.stop();
    vi.advanceTimersByTime(25_000);
    const lines = written.mock.calls.join('');
    written.mockRestore();
    expect(lines).toBe(
      'compiling 0/1 \ncompiling 0/1 10s so far\ncompiling 0/1 20s so far\ncompiling 1/1 done in 25s\nkeys 1/4 \n',
    );
  });

  it('is shown for each stage, by who knows it best', () => {
    const time = clock();
    const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const stages = startStages();
    stages.update({ what: 'keys', done: 50, total: 100, detail: '0 MiB sent' });
    time.advanceTimersByTime(20_000);
    stages.update({ what: 'keys', done: 75, total: 100, detail: '8 MiB sent' });
    stages.update({ what: 'run', done: 1, total: 33, secondsLeft: 61 });
    time.advanceTimersByTime(5000);
    stages.update({ what: 'run', done: 2, total: 33, secondsLeft: 50 });
    stages.update({ what: 'run', done: 33, total: 33, secondsLeft: 0 });
    const lines = written.mock.calls.join('');
    written.mockRestore();
    expect(lines).toBe(
      'keys 50/100 0 MiB sent\nkeys 75/100 8 MiB sent | ETA 20s\nrun 1/33 ETA 1m1s\nrun 33/33 done in 5s\n',
    );
  });
});
