import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { InterruptedError, interruptible } from '../../src/terminal/interrupt.ts';

const listeners = () => ['SIGINT', 'SIGTERM'].map((name) => process.listenerCount(name));

describe('interruptible', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('%s aborts the work with an InterruptedError and says what happens', async (name) => {
    const before = listeners();
    const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const work = interruptible('stopping after this step', async (signal) => {
      await setTimeout(1);
      process.emit(name);
      // The next signal is Node's own: it ends the process.
      expect(listeners()).toEqual(before);
      signal.throwIfAborted();
    });
    await expect(work).rejects.toThrow(InterruptedError);
    expect(written.mock.calls.join('')).toContain('stopping after this step');
    written.mockRestore();
    expect(listeners()).toEqual(before);
  }); // biome-ignore format: a title

  it('gives the result, and leaves nothing behind', async () => {
    const before = listeners();
    expect(await interruptible('never', async () => 7)).toBe(7);
    await expect(interruptible('never', async () => Promise.reject(new RangeError('no')))).rejects.toThrow(RangeError);
    expect(listeners()).toEqual(before);
  });
});
