import { describe, expect, it } from 'vitest';
import { DivergenceError } from '../../src/errors.ts';
import { type Recovery, runTraining, type TrainingWindow } from '../../src/train/loop.ts';
import { scheduleOf, warmupCosine } from '../../src/train/schedule.ts';

const schedule = { peak: 1, warmup: 2, total: 10, final: 0.1 };

/** A step whose loss is 10 times what it is fed; NaN diverges. */
class FakeStep {
  step = 0;
  readonly taken: { readonly fed: number; readonly rate: number; readonly weights: unknown }[] = [];

  async run(feeds: Readonly<Record<string, unknown>>, rate: number, weights: unknown = {}) {
    const [fed] = feeds.x as Float32Array;
    if (Number.isNaN(fed)) throw new DivergenceError('not finite', this.step + 1, 'x');
    this.taken.push({ fed: fed!, rate, weights });
    this.step += 1;
    return { loss: 10 * fed!, gradientNorm: fed!, terms: { task: fed! } };
  }
}

const run = async (more: Partial<Parameters<typeof runTraining>[0]> = {}) => {
  const step = new FakeStep();
  const windows: TrainingWindow[] = [];
  await runTraining({
    step,
    schedule,
    feeds: (at) => ({ x: Float32Array.of(at) }),
    windowEnds: (now) => now % 4 === 0,
    onWindow: (window) => void windows.push(window),
    ...more,
  });
  return { step, windows };
};

describe('the training loop', () => {
  it('feeds each step its number, at the rate of the schedule, and closes windows with means', async () => {
    const { step, windows } = await run({ lossWeights: (at) => ({ range: at / 10 }) });
    expect(step.taken).toEqual(
      Array.from({ length: 10 }, (_, at) => ({
        fed: at,
        rate: warmupCosine(at, schedule),
        weights: { range: at / 10 },
      })),
    );
    expect(windows.map(({ step: at, loss, gradientNorm, terms }) => [at, loss, gradientNorm, terms.task])).toEqual([
      [4, 15, 1.5, 1.5],
      [8, 55, 5.5, 5.5],
      [10, 85, 8.5, 8.5],
    ]);
    expect(windows.map(({ learningRate }) => learningRate)).toEqual([3, 7, 9].map((at) => warmupCosine(at, schedule)));
  });

  it('aborted, it throws the reason where it may pause, with a checkpoint, and goes on from there', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const written: number[] = [];
    const step = new FakeStep();
    const feeds = (at: number) => {
      if (at === 5) stop.abort(reason);
      return { x: Float32Array.of(at) };
    };
    const checkpoint = { everySeconds: 1000, write: () => void written.push(step.step) };
    await expect(run({ step, feeds, checkpoint, signal: stop.signal, pauseEvery: 4 })).rejects.toBe(reason);
    expect([step.step, written]).toEqual([8, [8]]);
    await run({ step, feeds, checkpoint, pauseEvery: 4 });
    expect(written).toEqual([8]);
    expect(step.taken.map(({ fed }) => fed)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('writes checkpoints when it is time, where it may pause, and after the steps that ask for one', async () => {
    const at = async (everySeconds: number, after?: (step: number) => boolean) => {
      const step = new FakeStep();
      const written: number[] = [];
      const write = () => void written.push(step.step);
      await run({ step, checkpoint: { everySeconds, write, ...(after && { after }) }, pauseEvery: 4 });
      return written;
    };
    expect(await at(-1)).toEqual([4, 8, 10]);
    expect(await at(1000, (step) => step === 8)).toEqual([8]);
  });

  it('throws what diverges where there is no recovery', async () => {
    const feeds = (at: number) => ({ x: Float32Array.of(at === 3 ? Number.NaN : at) });
    await expect(run({ feeds })).rejects.toThrow(DivergenceError);
  });

  it('goes back as the recovery says, for a number that is not finite and for a loss that is not accepted', async () => {
    const step = new FakeStep();
    const rollbacks: number[] = [];
    const recovery: Recovery = {
      get rateFactor() {
        return 0.5 ** rollbacks.length;
      },
      accept: (loss) => loss < 1000,
      rollBack(at) {
        rollbacks.push(at);
        step.step = 4;
      },
    };
    const fed = (at: number) => {
      if (at === 5 && rollbacks.length === 0) return Number.NaN;
      return at === 6 && rollbacks.length === 1 ? 500 : at;
    };
    const { windows } = await run({ step, feeds: (at) => ({ x: Float32Array.of(fed(at)) }), recovery });
    expect([step.step, rollbacks]).toEqual([10, [5, 6]]);
    expect(step.taken.map(({ fed: value }) => value)).toEqual([0, 1, 2, 3, 4, 4, 5, 500, 4, 5, 6, 7, 8, 9]);
    expect(step.taken.at(-1)!.rate).toBe(warmupCosine(9, schedule) / 4);
    // What was taken before going back is in no window.
    expect(windows.map(({ step: at, loss }) => [at, loss])).toEqual([
      [4, 15],
      [8, 55],
      [10, 85],
    ]);
  });
});

describe('the learning-rate schedule', () => {
  it('rises linearly, falls as a cosine, ends at its share', () => {
    const options = { peak: 2, warmup: 10, total: 110, final: 0.1 };
    const rates = Array.from({ length: 111 }, (_, step) => warmupCosine(step, options));
    expect(rates[0]).toBeCloseTo(0.2);
    expect(rates[9]).toBeCloseTo(2);
    expect(rates[60]).toBeCloseTo(1.1);
    expect(rates[110]).toBeCloseTo(0.2);
    for (let i = 11; i <= 110; i++) expect(rates[i]!).toBeLessThan(rates[i - 1]!);
  });

  it('of a recipe has at least one step, and one of warm-up', () => {
    const training = { epochs: 1.5, learningRate: 2, warmup: 0.2, finalRate: 0.1 };
    expect(scheduleOf(training, { stepsPerEpoch: 10 })).toEqual({ peak: 2, warmup: 3, total: 15, final: 0.1 });
    expect(scheduleOf({ ...training, epochs: 0.01 }, { stepsPerEpoch: 10 })).toMatchObject({ warmup: 1, total: 1 });
  });
});
