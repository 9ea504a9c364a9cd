import type { QueueHears } from '../backend.ts';
import { verifyCpuSeconds } from '../limits.ts';
import { type Stores, tasksUnderWay } from '../tasks.ts';
import type { EngineProgress } from '../worker/engine.ts';
import type { Task, WorkQueue } from '../worker/scheduler.ts';
import type { QueuedTask, Queues } from './queues.ts';
import type { RedisTurns } from './redis-turns.ts';
import type { Registry, WorkerEntry } from './registry.ts';
import type { Signals } from './signals.ts';

/** How often rows and queues are compared. */
const compareMs = 1000;

/** What a worker has before it, by its queue. */
export interface Load {
  readonly worker: WorkerEntry;
  readonly tasks: readonly QueuedTask[];
}

/**
 * The worker for a task: one that has its keys, as long as what waits there takes less time than loading them elsewhere;
 * otherwise the one that has least before it. Undefined where none has the program.
 * @param loadSeconds predicted time of loading the keys
 */
export function chooseWorker(task: Task, loads: readonly Load[], loadSeconds: number): WorkerEntry | undefined {
  const able = loads.filter(({ worker }) =>
    (task.kind === 'run' ? worker.programs : worker.plans).includes(task.needs),
  );
  const secondsOf = ({ tasks }: Load) => tasks.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
  // What costs nothing by prediction still takes its turn.
  const before = (a: Load, b: Load) => secondsOf(a) - secondsOf(b) || a.tasks.length - b.tasks.length;
  const [emptiest] = able.toSorted(before);
  const has = ({ worker, tasks }: Load) =>
    worker.keysets.includes(task.keyset) || tasks.some(({ keyset }) => keyset === task.keyset);
  const [holder] = able.filter(has).toSorted(before);
  if (holder === undefined || emptiest === undefined) return emptiest?.worker;
  return secondsOf(holder) - secondsOf(emptiest) <= loadSeconds ? holder.worker : emptiest.worker;
}

/** Whether a task waits for another one: an owner's key sets are verified one after the other, however many workers there are. */
export function waitsFor(task: Pick<Task, 'kind' | 'owner'>, given: readonly QueuedTask[]): boolean {
  return task.kind === 'verify' && given.some(({ kind, owner }) => kind === 'verify' && owner === task.owner);
}

/**
 * Gives tasks to workers, each of which has a queue. Rows say what is to be done and queues only who does it: every second some
 * service compares them, so that what a dead worker or service left behind is given out again.
 */
export class Router implements WorkQueue {
  readonly #stores: Stores;
  readonly #queues: Queues;
  readonly #registry: Registry;
  readonly #signals: Signals;
  readonly #turns: RedisTurns;
  readonly #hears: QueueHears;
  #timer: NodeJS.Timeout | undefined;
  #comparing: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: {
    readonly stores: Stores;
    readonly queues: Queues;
    readonly registry: Registry;
    readonly signals: Signals;
    readonly turns: RedisTurns;
    readonly hears: QueueHears;
  }) {
    this.#stores = options.stores;
    this.#queues = options.queues;
    this.#registry = options.registry;
    this.#signals = options.signals;
    this.#turns = options.turns;
    this.#hears = options.hears;
    this.#schedule();
  }

  /** It is kept already: where it cannot be given out now, the next comparison does. */
  async add(task: Task): Promise<void> {
    try {
      await this.#giveOut([task]);
      await this.#signals.changed(task.id);
    } catch (error) {
      this.#hears.onFault(`task ${task.id} waits`, error);
    }
  }

  async drop(id: string): Promise<void> {
    for (const { worker, tasks } of await this.#loads())
      for (const task of tasks) if (task.id === id) await this.#queues.remove(worker.id, task);
    await this.#signals.changed(undefined);
  }

  /** Workers look for themselves whether the key sets that they have are there. */
  async forget(): Promise<void> {}

  async waiting(): Promise<{ tasks: number; cpuSeconds: number }> {
    const { jobs, keysets } = this.#stores;
    const queued = await jobs.all({ states: ['queued'] });
    const verifying = (await keysets.all()).filter(({ state, attempts }) => state === 'verifying' && attempts === 0);
    return {
      tasks: queued.length + verifying.length,
      cpuSeconds: [...queued.map(({ cpuSeconds }) => cpuSeconds), ...verifying.map(({ bytes }) => verifyCpuSeconds(bytes ?? 0))].reduce((a, b) => a + b, 0),
    }; // biome-ignore format: a line each
  }

  async placeOf(id: string): Promise<{ place: number; cpuSeconds: number } | undefined> {
    const { live } = await this.#registry.workers();
    for (const worker of live) {
      const tasks = await this.#queues.waiting(worker.id);
      const at = tasks.findIndex((task) => task.id === id);
      if (at < 0) continue;
      const before = [...(await this.#queues.active(worker.id)), ...tasks.slice(0, at)];
      return { place: before.length, cpuSeconds: before.reduce((sum, task) => sum + task.cpuSeconds, 0) };
    }
    return undefined;
  }

  progressOf(id: string): Promise<EngineProgress | undefined> {
    return this.#signals.progressOf(id);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#comparing;
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      this.#comparing = this.#turns
        .once('compare', compareMs * 0.9, () => this.#compare())
        .catch((error: unknown) => this.#hears.onFault('rows and queues could not be compared', error))
        .finally(() => {
          if (!this.#closed) this.#schedule();
        });
    }, compareMs).unref();
  }

  async #compare(): Promise<void> {
    const { dead } = await this.#registry.workers();
    for (const id of dead) {
      await this.#queues.discard(id);
      await this.#registry.forget(id);
    }
    await this.#giveOut(await tasksUnderWay(this.#stores));
  }

  async #loads(): Promise<Load[]> {
    const { live } = await this.#registry.workers();
    return Promise.all(
      live.map(async (worker) => ({
        worker,
        tasks: [...(await this.#queues.active(worker.id)), ...(await this.#queues.waiting(worker.id))],
      })),
    );
  }

  /** Gives out those tasks that no worker has: one service at a time. */
  #giveOut(tasks: readonly Task[]): Promise<void> {
    return this.#turns.run('work', async () => {
      let loads = await this.#loads();
      for (const task of tasks) {
        const given = loads.flatMap((load) => load.tasks);
        if (given.some(({ id }) => id === task.id) || waitsFor(task, given)) continue;
        const keyset = await this.#stores.keysets.find(task.keyset);
        const worker = chooseWorker(task, loads, verifyCpuSeconds(keyset?.bytes ?? 0));
        if (worker === undefined) continue;
        const load = loads.find((one) => one.worker === worker)!;
        await this.#queues.add(worker.id, task, load.tasks);
        loads = loads.map((one) => (one === load ? { worker, tasks: [...load.tasks, task] } : one));
      }
    });
  }
}
