import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDiskFull } from '../store/room.ts';
import type { EngineProgress } from './engine.ts';
import type { Assignment } from './messages.ts';
import { type Outcome, WorkerProcess } from './process.ts';

/** How often a task is begun before it counts as one that ends workers. */
const maxTries = 3;
/** Between attempts to write down what happened, while the disk is full. */
const retryMs = 2000;

/** Work that waits or runs. The scheduler knows no more of it than this. */
export interface Task {
  readonly id: string;
  /** The key set that the worker may keep loaded after it. */
  readonly keyset: string;
  /** Writes down that a worker begins it, and counts the tries; undefined when there is nothing to do any more. */
  begin(): Promise<{ readonly assignment: Assignment; readonly tries: number } | undefined>;
  /** Writes down how it ended. */
  finish(result: { readonly ok: true } | { readonly ok: false; readonly reason: string }): Promise<void>;
  /** Writes down that it waits again and that this try does not count. */
  release(): Promise<void>;
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
}

interface Worker {
  readonly process: WorkerProcess;
  /** What it may have loaded. */
  readonly keysets: Set<string>;
  /** It ends after the task that it is at. */
  retired: boolean;
}

/** One worker process and the tasks that wait for it, first come, first served. */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #queue: Task[] = [];
  readonly #closing = new AbortController();
  #current: Current | undefined;
  #worker: Worker | undefined;
  #working: Promise<void> | undefined;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  add(task: Task): void {
    this.#queue.push(task);
    this.#options.onChange(task.id);
    this.#wake();
  }

  /** Takes a task out, stopping it if it runs. */
  drop(id: string): void {
    const at = this.#queue.findIndex((task) => task.id === id);
    if (at >= 0) {
      this.#queue.splice(at, 1);
      this.#announceQueue();
    } else if (this.#current?.task.id === id) {
      this.#current.dropped = true;
      this.#current.controller.abort();
    }
  }

  /** A key set is gone: a worker that may have loaded it ends, at once or after the task that it is at. */
  forget(keyset: string): void {
    if (!this.#worker?.keysets.has(keyset)) return;
    this.#worker.retired = true;
    this.#wake();
  }

  /** How many tasks wait. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** How many tasks come before one that waits; undefined when it does not wait. */
  placeOf(id: string): number | undefined {
    const at = this.#queue.findIndex((task) => task.id === id);
    return at < 0 ? undefined : at + (this.#current === undefined ? 0 : 1);
  }

  /** How far the one that runs has come. */
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
      if (this.#worker?.retired) await this.#stopWorker();
      if (this.#closing.signal.aborted) return;
      const task = this.#queue.shift();
      if (task === undefined) return;
      const current: Current = { task, controller: new AbortController(), progress: undefined, dropped: false };
      this.#current = current;
      this.#announceQueue();
      let again = false;
      try {
        again = await this.#perform(current);
      } catch (error) {
        this.#options.onFault(`task ${task.id}`, error);
      }
      this.#current = undefined;
      if (again) this.#queue.unshift(task);
      this.#options.onChange(task.id);
    }
  }

  /** Whether the task is to be begun again. */
  async #perform(current: Current): Promise<boolean> {
    const { task } = current;
    let begun: Awaited<ReturnType<Task['begin']>>;
    try {
      begun = await this.#persist(() => task.begin());
    } catch (error) {
      await this.#persist(() => task.finish({ ok: false, reason: `it cannot be begun: ${messageOf(error)}` }));
      throw error;
    }
    if (begun === undefined || current.dropped) return false;
    this.#options.onChange(task.id);
    const outcome = await this.#assign(current, begun.assignment);
    if (current.dropped) return false;
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

  async #assign(current: Current, assignment: Assignment): Promise<Outcome> {
    try {
      if (!this.#worker?.process.alive) {
        const process = new WorkerProcess(this.#options.spawnWorker());
        this.#worker = { process, keysets: new Set(), retired: false };
      }
    } catch (error) {
      return { type: 'died', reason: `the worker process could not be started: ${messageOf(error)}` };
    }
    this.#worker.keysets.add(current.task.keyset);
    return this.#worker.process.perform(assignment, {
      signal: current.controller.signal,
      graceMs: this.#options.graceMs,
      progress: (progress) => {
        current.progress = progress;
        this.#options.onChange(current.task.id);
      },
    });
  }

  /** What happened must be written down before anything else happens: while the disk is full, that waits. */
  async #persist<T>(write: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await write();
      } catch (error) {
        if (!isDiskFull(error)) throw error;
        this.#options.onFault(`a change could not be written; next attempt in ${retryMs} ms`, error);
        await sleep(retryMs, undefined, { signal: this.#closing.signal });
      }
    }
  }

  async #stopWorker(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.process.stop(this.#options.graceMs);
  }

  #announceQueue(): void {
    for (const { id } of this.#queue) this.#options.onChange(id);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
