// Whose task comes next: owners take turns, loaded keys come first, and nobody waits longer than a minute for that.
import { describe, expect, it } from 'vitest';
import { Queue } from '../../src/worker/queue.ts';

const none = new Set<string>();
let now = 0;
const queueOf = (...tasks: readonly string[]) => {
  const queue = new Queue<{ id: string; owner: string; keyset: string; cpuSeconds: number }>(() => now);
  for (const task of tasks) add(queue, task);
  return queue;
};
/** "a1": the first task of the owner a, on the keys of a. */
const add = (queue: ReturnType<typeof queueOf>, id: string) => queue.add({ id, owner: id[0]!, keyset: `keys of ${id[0]}`, cpuSeconds: 2 }); // biome-ignore format: a line
const taken = (queue: ReturnType<typeof queueOf>, loaded: ReadonlySet<string> = none) => {
  const order: string[] = [];
  for (let task = queue.take(loaded); task !== undefined; task = queue.take(loaded)) order.push(task.id);
  return order.join(' ');
};

describe('a queue', () => {
  it('gives owners their turns, each with what came first of theirs', () => {
    expect(taken(queueOf('a1', 'a2', 'a3', 'b1', 'c1', 'b2'))).toBe('a1 b1 c1 a2 b2 a3');
    const queue = queueOf('a1', 'b1');
    expect(queue.take(none)?.id).toBe('a1');
    // Who just had a turn comes after those who wait for one.
    add(queue, 'a2');
    add(queue, 'c1');
    expect(taken(queue)).toBe('b1 c1 a2');
  });

  it('gives those first whose keys are loaded, until somebody has waited for a minute', () => {
    now = 0;
    const queue = queueOf('a1', 'b1', 'b2', 'b3');
    const loaded = new Set(['keys of b']);
    expect(queue.take(loaded)?.id).toBe('b1');
    now = 59_999;
    expect(queue.take(loaded)?.id).toBe('b2');
    now = 60_000;
    expect(queue.take(loaded)?.id).toBe('a1');
    expect(taken(queue, loaded)).toBe('b3');
  });

  it('puts what was begun back to the front, and tells places with the time before them', () => {
    now = 0;
    const queue = queueOf('a1', 'b1', 'a2');
    expect([queue.before('a1'), queue.before('a2'), queue.before('nothing')]).toEqual([
      { place: 0, cpuSeconds: 0 },
      { place: 2, cpuSeconds: 4 },
      undefined,
    ]);
    expect([queue.length, queue.cpuSeconds]).toEqual([3, 6]);
    const begun = queue.take(none)!;
    queue.putBack(begun);
    // Loaded keys of others do not pass it.
    expect(queue.take(new Set(['keys of b']))?.id).toBe('a1');
    expect([queue.remove('b1'), queue.remove('b1')]).toEqual([true, false]);
    expect(taken(queue)).toBe('a2');
  });
});
