import { optionalPackage } from '@cipherformer/base';
import type { Job, Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Task } from '../worker/scheduler.ts';
import { answered } from './redis.ts';

/** What a queue holds of a task: all else is in its row. */
export type QueuedTask = Pick<Task, 'kind' | 'id' | 'owner' | 'keyset' | 'cpuSeconds'>;

const prefix = 'cf:queue';
/** Highest of BullMQ's priorities, which is the last one's turn. */
const lastTurn = 2 ** 20;

/** A queue of BullMQ for every worker. What is in them can be told again from rows: they may be thrown away. */
export class Queues {
  readonly #bullmq: typeof import('bullmq');
  readonly #redis: Redis;
  readonly #open = new Map<string, Queue<QueuedTask>>();

  private constructor(bullmq: typeof import('bullmq'), redis: Redis) {
    this.#bullmq = bullmq;
    this.#redis = redis;
  }

  /** @throws MissingPackageError */
  static async open(redis: Redis): Promise<Queues> {
    const bullmq = await optionalPackage(() => import('bullmq'), {
      name: 'bullmq',
      purpose: 'Several machines share work through BullMQ',
      install: 'npm install ioredis@6 bullmq@6',
    });
    return new Queues(bullmq, redis);
  }

  /**
   * Puts a task into a worker's queue, once. Owners take turns: one's second task comes after the first of all others.
   * @param before what the worker has already
   */
  async add(worker: string, task: QueuedTask, before: readonly QueuedTask[]): Promise<void> {
    const queue = this.#queue(worker);
    const round = before.filter(({ owner }) => owner === task.owner).length + 1;
    const { kind, id, owner, keyset, cpuSeconds } = task;
    const options = {
      jobId: jobIdOf(task),
      priority: Math.min(round, lastTurn),
      removeOnComplete: true,
      removeOnFail: true,
    };
    await answered(queue.add(kind, { kind, id, owner, keyset, cpuSeconds }, options));
  }

  /** What waits in a worker's queue, in the order in which it will come. */
  async waiting(worker: string): Promise<QueuedTask[]> {
    const jobs = await answered(this.#queue(worker).getJobs(['waiting', 'prioritized'], 0, -1, true));
    return jobs.filter(Boolean).map(({ data }) => data);
  }

  /** What it is at. */
  async active(worker: string): Promise<QueuedTask[]> {
    const jobs = await answered(this.#queue(worker).getJobs(['active'], 0, -1, true));
    return jobs.filter(Boolean).map(({ data }) => data);
  }

  /** Takes out a task that waits; what is at it looks for itself whether it is still wanted. */
  async remove(worker: string, task: Pick<QueuedTask, 'kind' | 'id'>): Promise<void> {
    await answered(this.#queue(worker).remove(jobIdOf(task)));
  }

  /** Of a worker that is gone. */
  async discard(worker: string): Promise<void> {
    const queue = this.#queue(worker);
    await answered(queue.obliterate({ force: true }));
    this.#open.delete(worker);
    await queue.close();
  }

  /** Takes tasks from a worker's queue, one after the other. */
  work(
    worker: string,
    perform: (task: QueuedTask) => Promise<void>,
    onFault: (error: unknown) => void,
  ): Worker<QueuedTask> {
    const connection = this.#redis.duplicate({ maxRetriesPerRequest: null, commandTimeout: undefined });
    connection.on('error', () => {});
    const taking = new this.#bullmq.Worker<QueuedTask>(worker, ({ data }: Job<QueuedTask>) => perform(data), {
      ...{ connection, prefix, concurrency: 1, drainDelay: 1 },
      // A worker that stalls is silent as well: its tasks go to others by that.
      maxStalledCount: 1000,
    });
    taking.on('error', onFault);
    taking.on('closed', () => connection.disconnect());
    return taking;
  }

  async close(): Promise<void> {
    for (const queue of this.#open.values()) await queue.close();
    this.#open.clear();
  }

  #queue(worker: string): Queue<QueuedTask> {
    const known = this.#open.get(worker);
    if (known !== undefined) return known;
    const queue = new this.#bullmq.Queue<QueuedTask>(worker, { connection: this.#redis, prefix });
    queue.on('error', () => {});
    this.#open.set(worker, queue);
    return queue;
  }
}

/** BullMQ takes no job twice under one id. */
const jobIdOf = ({ kind, id }: Pick<QueuedTask, 'kind' | 'id'>): string => `${kind}-${id}`;
