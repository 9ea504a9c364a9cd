// Which worker gets a task, and which task waits for another.
import { describe, expect, it } from 'vitest';
import type { QueuedTask } from '../../src/shared/queues.ts';
import { chooseWorker, type Load, waitsFor } from '../../src/shared/router.ts';
import type { Task } from '../../src/worker/scheduler.ts';

const queued = (keyset: string, cpuSeconds: number, changes: Partial<QueuedTask> = {}): QueuedTask => ({
  ...{ kind: 'run', id: 'other', owner: 'a', keyset, cpuSeconds },
  ...changes,
});
const load = (id: string, keysets: readonly string[], ...tasks: readonly QueuedTask[]): Load => ({
  worker: { id, programs: ['program'], plans: ['plan'], keysets: [...keysets] },
  tasks,
});
const task = { kind: 'run', id: 'task', owner: 'a', keyset: 'k', needs: 'program', cpuSeconds: 1 } as Task;
const chosen = (loads: readonly Load[], loadSeconds = 10, one = task) => chooseWorker(one, loads, loadSeconds)?.id;

describe('a task goes', () => {
  it('to the worker that has its keys, or will have them, while its queue takes less time than loading them', () => {
    expect(chosen([load('empty', []), load('holder', ['k'], queued('x', 9))])).toBe('holder');
    expect(chosen([load('empty', []), load('next', [], queued('k', 9))])).toBe('next');
    expect(chosen([load('empty', []), load('holder', ['k'], queued('x', 11))])).toBe('empty');
  });

  it('otherwise to the one that has least before it, of those that have the program', () => {
    expect(chosen([load('busy', [], queued('x', 3)), load('idle', [])])).toBe('idle');
    expect(chosen([load('two', [], queued('x', 0), queued('y', 0)), load('one', [], queued('x', 0))])).toBe('one');
    expect(chosen([])).toBeUndefined();
    expect(chosen([load('idle', [])], 10, { ...task, needs: 'another' })).toBeUndefined();
    expect(chosen([load('idle', [])], 10, { ...task, kind: 'verify', needs: 'plan' })).toBe('idle');
  });
});

it('an owner’s key sets are verified one after the other, and hold up nobody else', () => {
  const verifying = [queued('k', 1, { kind: 'verify', owner: 'a' })];
  expect(waitsFor({ kind: 'verify', owner: 'a' }, verifying)).toBe(true);
  expect(waitsFor({ kind: 'verify', owner: 'b' }, verifying)).toBe(false);
  expect(waitsFor({ kind: 'run', owner: 'a' }, verifying)).toBe(false);
  expect(waitsFor({ kind: 'verify', owner: 'a' }, [queued('k', 1)])).toBe(false);
});
