import { describe, expect, it } from 'vitest';
import { LossMonitor } from '../../../src/convert/training/monitor.ts';
import { Random } from '../../../src/random.ts';

const noisy = (random: Random) => 1 + 0.5 * random.uniform();

describe('the watch over the loss', () => {
  it('lets noise and one terrible batch pass', () => {
    const monitor = new LossMonitor();
    const random = new Random(1);
    for (let i = 0; i < 500; i++) expect(monitor.accept(i % 50 === 40 ? 1000 : noisy(random))).toBe(true);
  });

  it('tells a lasting rise and a value that is not finite, and goes back', () => {
    const monitor = new LossMonitor();
    const random = new Random(1);
    for (let i = 0; i < 100; i++) monitor.accept(noisy(random));
    const good = monitor.read();
    expect(monitor.accept(Number.NaN)).toBe(false);
    let steps = 0;
    while (monitor.accept(10) && steps < 20) steps += 1;
    expect(steps).toBeGreaterThan(2);
    expect(steps).toBeLessThan(8);
    monitor.rollBack(good);
    expect(monitor.rollbacks).toBe(1);
    expect(monitor.rateFactor).toBe(0.5);
    expect(monitor.accept(noisy(random))).toBe(true);
  });

  it('a fall is not a divergence', () => {
    const monitor = new LossMonitor();
    for (let i = 0; i < 300; i++) expect(monitor.accept(100 * 0.95 ** i)).toBe(true);
  });
});
