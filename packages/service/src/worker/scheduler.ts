import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { Problem } from '../problem.ts';
import { cannotWrite } from '../store/room.ts';
import type { EngineProgress } from './engine.ts';
import type { Assignment } from './messages.ts';
import { type Outcome, WorkerProcess } from './process.ts';
import { Queue } from './queue.ts';

/** How often a task is begun before it counts as one that ends workers. */
const maxTries = 3;
/** Between attempts to write down what happened, while the disk takes no changes. */
const retryMs = 2000;

/** Work that waits or runs. Whoever orders it knows no more of it than this. */
export interface Task {
  readonly kind: 'verify' | 'run';
  readonly id: string;
  /** Digest of the key plan or of the program: only a worker that has it can do it. */
  readonly needs: string;
  /** Owners take turns. */
  readonly owner: string;
  /** The key set that the worker may keep loaded after it. */
  readonly keyset: string;
  /** Predicted, of processor time. */
  readonly cpuSeconds: number;
  /** Writes down that a worker begins it, and counts the tries; undefined when there is nothing to do any more. */
  begin(): Promise<Begun | undefined>;
  /** Writes down how it ended, unless another one has begun it since, who took this one for dead: then what that one writes counts. */
  finish(result: { readonly ok: true } | { readonly ok: false; readonly reason: string }): Promise<void>;
  /** Writes down that it waits again and that this try does not count, unless as `finish`. */
  release(): Promise<void>;
  /** Whether it is still to be done, and by this one. */
  isWanted(): Promise<boolean>;
}

export interface Begun {
  readonly assignment: Assignment;
  readonly tries: number;
  /** Longest time that it may take: what hangs must not hold up all others. */
  readonly limitSeconds: number;
}

type Maybe<T> = T | Promise<T>;

/** Where tasks wait, on this machine (Scheduler) or for several (shared/router.ts). */
export interface WorkQueue {
  add(task: Task): Maybe<void>;
  /** Takes a task out, stopping it if it runs. */
  drop(id: string): Maybe<void>;
  /** A key set is gone: nothing of it stays loaded. */
  forget(keyset: string): Maybe<void>;
  /** How many tasks wait, and their predicted processor time. */
  waiting(): Maybe<{ readonly tasks: number; readonly cpuSeconds: number }>;
  /** Tasks that come before one that waits, and their processor time as predicted; undefined when it does not wait. */
  placeOf(id: string): Maybe<{ readonly place: number; readonly cpuSeconds: number } | undefined>;
  /** How far one that runs has come. */
  progressOf(id: string): Maybe<EngineProgress | undefined>;
  /** Stops what runs here, to be begun again. */
  close(): Promise<void>;
}

export interface SchedulerOptions {
  /** Starts a process that calls `runWorker`, with an IPC channel. */
  readonly spawnWorker: () => ChildProcess;
  /** How long a worker may take to stop before it is killed, in milliseconds. */
  readonly graceMs: number;
  /** The place, the progress or the end of a task. */
  readonly onChange: (id: string) => void;
  /** Something went wrong that no owner can see. */
  readonly onFault: (what: string, error: unknown) => void;
}

interface Current {
  readonly task: Task;
  readonly controller: AbortController;
  progress: EngineProgress | undefined;
  /** How it ends no longer counts. */
  dropped: boolean;
  /** It took longer than it may. */
  late: boolean;
}

interface Worker {
  readonly process: WorkerProcess;
  /** Key sets whose keys it has in memory. */
  loaded: ReadonlySet<string>;
}

/** One worker process and the tasks that wait for it, in the order of its queue. */
export class Scheduler implements WorkQueue {
  readonly #options: SchedulerOptions;
  readonly #queue = new Queue<Task>();
  readonly #closing = new AbortController();
  readonly #leaving = new Map<string, () => void>();
  #current: Current | undefined;
  #worker: Worker | undefined;
  #working: Promise<void> | undefined;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  add(task: Task): void {
    this.#queue.add(task);
    this.#options.onChange(task.id);
    this.#wake();
  }

  /** Adds a task and waits until it is here no more: it ended, was dropped, or is to be begun again elsewhere. */
  perform(task: Task): Promise<void> {
    return new Promise((resolve) => {
      this.#leaving.set(task.id, resolve);
      this.add(task);
    });
  }

  drop(id: string): void {
    if (this.#queue.remove(id)) {
      this.#left(id);
      this.#announceQueue();
    } else if (this.#current?.task.id === id) {
      this.#current.dropped = true;
      this.#current.controller.abort();
    }
  }

  forget(keyset: string): void {
    this.#worker?.process.forget(keyset);
  }

  waiting(): { readonly tasks: number; readonly cpuSeconds: number } {
    return { tasks: this.#queue.length, cpuSeconds: this.#queue.cpuSeconds };
  }

  placeOf(id: string): { readonly place: number; readonly cpuSeconds: number } | undefined {
    const waiting = this.#queue.before(id);
    if (waiting === undefined || this.#current === undefined) return waiting;
    return { place: waiting.place + 1, cpuSeconds: waiting.cpuSeconds + this.#current.task.cpuSeconds };
  }

  progressOf(id: string): EngineProgress | undefined {
    return this.#current?.task.id === id && !this.#current.dropped ? this.#current.progress : undefined;
  }

  /** Stops the task that runs, to be begun again by the next service, and ends the worker. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#current?.controller.abort();
    await this.#working;
    await this.#stopWorker();
  }

  #wake(): void {
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
      // What came between the last look at the queue and now.
      if (this.#queue.length > 0 && !this.#closing.signal.aborted) this.#wake();
    });
  }

  async #work(): Promise<void> {
    for (;;) {
      if (this.#closing.signal.aborted) return;
      const task = this.#queue.take(this.#worker?.process.alive ? this.#worker.loaded : new Set());
      if (task === undefined) return;
      const current: Current = {
        ...{ task, controller: new AbortController(), progress: undefined, dropped: false, late: false },
      };
      this.#current = current;
      this.#announceQueue();
      let again = false;
      try {
        again = await this.#perform(current);
      } catch (error) {
        this.#options.onFault(`task ${task.id}`, error);
      }
      this.#current = undefined;
      if (again) this.#queue.putBack(task);
      else this.#left(task.id);
      this.#options.onChange(task.id);
    }
  }

  /** Whether the task is to be begun again. */
  async #perform(current: Current): Promise<boolean> {
    const { task } = current;
    let begun: Begun | undefined;
    try {
      begun = await this.#persist(() => task.begin());
    } catch (error) {
      // What is away comes back: the task waits for it.
      if (isUnreachable(error)) await task.release();
      else await this.#persist(() => task.finish({ ok: false, reason: `it cannot be begun: ${messageOf(error)}` }));
      throw error;
    }
    if (begun === undefined || current.dropped) return false;
    if (begun.tries > maxTries) {
      const reason = `it was begun ${maxTries} times, and each time the service or its machine ended: it may have too little memory for it`;
      await this.#persist(() => task.finish({ ok: false, reason }));
      return false;
    }
    this.#options.onChange(task.id);
    const outcome = await this.#assign(current, begun);
    if (current.dropped) return false;
    if (current.late && outcome.type !== 'done') {
      const reason = `it took longer than ${Math.round(begun.limitSeconds)} s, many times what was predicted, and was stopped`;
      await this.#persist(() => task.finish({ ok: false, reason }));
      return false;
    }
    if (outcome.type === 'done') {
      await this.#persist(() => task.finish({ ok: true }));
    } else if (this.#closing.signal.aborted) {
      await task.release();
    } else if (outcome.type === 'failed') {
      await this.#persist(() => task.finish({ ok: false, reason: outcome.reason }));
    } else if (begun.tries < maxTries) {
      this.#options.onFault(`task ${task.id}, try ${begun.tries} of ${maxTries}: ${outcome.reason}`, undefined);
      return true;
    } else {
      const reason = `${outcome.reason}, at the last of ${maxTries} tries: the machine may have too little memory for it`;
      await this.#persist(() => task.finish({ ok: false, reason }));
    }
    return false;
  }

  async #assign(current: Current, { assignment, limitSeconds }: Begun): Promise<Outcome> {
    try {
      if (!this.#worker?.process.alive) {
        const process = new WorkerProcess(this.#options.spawnWorker());
        this.#worker = { process, loaded: new Set() };
      }
    } catch (error) {
      return { type: 'died', reason: `the worker process could not be started: ${messageOf(error)}` };
    }
    const worker = this.#worker;
    const limit = setTimeout(() => {
      current.late = true;
      current.controller.abort();
    }, limitSeconds * 1000);
    try {
      const outcome = await worker.process.perform(assignment, {
        signal: current.controller.signal,
        graceMs: this.#options.graceMs,
        progress: (progress) => {
          current.progress = progress;
          this.#options.onChange(current.task.id);
        },
      });
      if (outcome.type !== 'died') worker.loaded = new Set(outcome.loaded);
      return outcome;
    } finally {
      clearTimeout(limit);
    }
  }

  /** What happened must be written down before anything else happens: while the disk takes no changes, that waits. */
  async #persist<T>(write: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await write();
      } catch (error) {
        if (!cannotWrite(error)) throw error;
        this.#options.onFault(`a change could not be written; next attempt in ${retryMs} ms`, error);
        await sleep(retryMs, undefined, { signal: this.#closing.signal });
      }
    }
  }

  #left(id: string): void {
    this.#leaving.get(id)?.();
    this.#leaving.delete(id);
  }

  async #stopWorker(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.process.stop(this.#options.graceMs);
  }

  #announceQueue(): void {
    for (const { id } of this.#queue.tasks) this.#options.onChange(id);
  }
}

const isUnreachable = (error: unknown) => error instanceof Problem && error.problem === 'unreachable';

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
