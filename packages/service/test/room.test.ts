// The room on a disk, when several come at once.
import { describe, expect, it } from 'vitest';
import { Room } from '../src/store/room.ts';

describe('room', () => {
  const space = () => Promise.resolve({ totalBytes: 1000, freeBytes: 400 });

  it('is promised once, however many ask at the same moment', async () => {
    const room = new Room('.', space);
    const asked = await Promise.allSettled(Array.from({ length: 8 }, () => room.promise(100)));
    const held = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(held).toHaveLength(3);
    for (const one of asked) if (one.status === 'rejected') expect(one.reason).toMatchObject({ problem: 'no-room' });
    for (const one of held) one[Symbol.dispose]();
    await room.check(300);
    await expect(room.promise(301)).rejects.toMatchObject({ fields: { free: 300 } });
    await room.check(300);
  });
});
