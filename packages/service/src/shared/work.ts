import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { Worker } from 'bullmq';
import { JobTask, type Stores, VerifyTask } from '../tasks.ts';
import { Scheduler, type Task } from '../worker/scheduler.ts';
import type { BucketWork } from './bucket-work.ts';
import type { QueuedTask, Queues } from './queues.ts';
import { beatMs, type Registry } from './registry.ts';
import type { Signals } from './signals.ts';

export interface SharedWorkOptions {
  readonly stores: Stores;
  readonly work: BucketWork;
  readonly queues: Queues;
  readonly registry: Registry;
  readonly signals: Signals;
  /** Starts a process that calls `runWorker`, with an IPC channel. */
  readonly spawnWorker: () => ChildProcess;
  readonly graceMs: number;
  readonly onFault: (what: string, error: unknown) => void;
}

/**
 * A worker of several: takes tasks from its queue one after the other, and says what it has at hand. What it is at it does until
 * its row says otherwise; where it was taken for dead while it lives, another one does the same, and what that one writes counts.
 */
export class SharedWork {
  readonly id = randomUUID();
  readonly #options: SharedWorkOptions;
  readonly #scheduler: Scheduler;
  readonly #taking: Worker<QueuedTask>;
  #current: Task | undefined;
  #beating: NodeJS.Timeout | undefined;
  #beat: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(options: SharedWorkOptions) {
    const { queues, spawnWorker, graceMs, onFault } = options;
    this.#options = options;
    this.#scheduler = new Scheduler({ spawnWorker, graceMs, onFault, onChange: (id) => this.#tell(id) });
    const perform = (task: QueuedTask) => this.#perform(task);
    this.#taking = queues.work(this.id, perform, (error) => onFault('the queue', error));
  }

  /** Says that it is there, and takes tasks from then on. */
  static async start(options: SharedWorkOptions): Promise<SharedWork> {
    const work = new SharedWork(options);
    await work.#look();
    work.#schedule();
    return work;
  }

  /** Lets the task that runs be begun again elsewhere, and leaves. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#beating);
    await this.#beat;
    await this.#options.registry.leave(this.id);
    await this.#scheduler.close();
    await this.#taking.close();
  }

  async #perform({ kind, id }: QueuedTask): Promise<void> {
    const { stores, signals, work } = this.#options;
    const { keysets, jobs } = stores;
    const row = kind === 'run' ? await jobs.find(id) : undefined;
    const keyset = kind === 'verify' ? await keysets.find(id) : undefined;
    const task = row ? new JobTask(row, stores) : keyset ? new VerifyTask(keyset, stores) : undefined;
    if (task === undefined) return;
    this.#current = task;
    try {
      await this.#scheduler.perform(task);
    } finally {
      this.#current = undefined;
      await work.clear(id);
      await signals.ended(id);
    }
  }

  #tell(id: string): void {
    const { signals } = this.#options;
    const progress = this.#scheduler.progressOf(id);
    const told = progress === undefined ? signals.changed(id) : signals.progress(id, progress);
    // Whoever watches is told by the next change.
    told.catch(() => {});
  }

  #schedule(): void {
    this.#beating = setTimeout(() => {
      this.#beat = this.#look()
        .catch((error: unknown) => this.#options.onFault('a sign of life was not sent', error))
        .finally(() => {
          if (!this.#closed) this.#schedule();
        });
    }, beatMs);
  }

  /** Says what is at hand here, and looks whether all of it is still wanted. */
  async #look(): Promise<void> {
    const { registry, work, stores } = this.#options;
    const programs = stores.programs.all();
    const keysets = await work.keysets();
    await registry.announce({
      id: this.id,
      programs: programs.map(({ digest }) => digest),
      plans: [...new Set(programs.map(({ plan }) => plan))],
      keysets,
    });
    const current = this.#current;
    if (current !== undefined && !(await current.isWanted())) this.#scheduler.drop(current.id);
    for (const id of keysets) {
      if ((await stores.keysets.find(id)) !== undefined) continue;
      this.#scheduler.forget(id);
      await work.forget(id);
    }
  }
}
