import type { ChildProcess } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Backend, QueueHears } from '../backend.ts';
import type { OnFaultPoint } from '../faults.ts';
import type { Limits } from '../limits.ts';
import type { Programs } from '../programs.ts';
import { openDataFolder } from '../store/data-folder.ts';
import { JobStore } from '../store/jobs.ts';
import { KeysetStore } from '../store/keysets.ts';
import { lockFolder } from '../store/lock.ts';
import { PartStore } from '../store/parts.ts';
import { type DiskSpace, Room } from '../store/room.ts';
import type { Stores } from '../tasks.ts';
import type { WorkQueue } from '../worker/scheduler.ts';
import { Bucket, type BucketOptions } from './bucket.ts';
import { BucketFiles } from './bucket-files.ts';
import { BucketWork } from './bucket-work.ts';
import { Queues } from './queues.ts';
import { connectRedis } from './redis.ts';
import { RedisRows } from './redis-rows.ts';
import { RedisTurns } from './redis-turns.ts';
import { Registry } from './registry.ts';
import { Router } from './router.ts';
import { Signals } from './signals.ts';
import { SharedWork } from './work.ts';

/** Where several machines keep what they share. */
export interface SharedOptions extends BucketOptions {
  /** redis://user:password@host:port/database, or rediss:// for TLS: one server, no cluster. */
  readonly redis: string;
}

/** Bytes of keys that a worker keeps on its disk for the next tasks, where nothing else is said. */
const defaultKeyBytes = 64 * 2 ** 30;
/** How often objects are looked at that no row names. */
const sweepMs = 3600_000;

interface SharedBackendOptions extends SharedOptions {
  /** Folder of this process alone: bodies that arrive, keys that a worker has fetched. */
  readonly data: string;
  readonly diskSpace?: DiskSpace | undefined;
  /** Milliseconds since 1970. Default: the clock of the machine. */
  readonly now?: (() => number) | undefined;
}

/** What several machines share, from one of them: rows and queues on Redis, objects on S3. */
export class SharedBackend implements Backend {
  readonly rows: RedisRows;
  readonly files: BucketFiles;
  readonly turns: RedisTurns;
  readonly room: Room;
  readonly work: BucketWork;
  readonly keepsParts = false;
  readonly queues: Queues;
  readonly registry: Registry;
  readonly signals: Signals;
  /** What ends with it, the last first. */
  readonly #closing: (() => unknown)[];

  private constructor(
    parts: Pick<SharedBackend, 'rows' | 'files' | 'turns' | 'room' | 'work' | 'queues' | 'registry' | 'signals'>,
    closing: (() => unknown)[],
  ) {
    this.rows = parts.rows;
    this.files = parts.files;
    this.turns = parts.turns;
    this.room = parts.room;
    this.work = parts.work;
    this.queues = parts.queues;
    this.registry = parts.registry;
    this.signals = parts.signals;
    this.#closing = closing;
  }

  /** @throws StartError, MissingPackageError; errors of the file system */
  static async open({
    data,
    redis: url,
    diskSpace,
    now = Date.now,
    ...place
  }: SharedBackendOptions): Promise<SharedBackend> {
    const closing: (() => unknown)[] = [];
    try {
      await openDataFolder(data);
      const lock = lockFolder(data);
      closing.push(() => lock[Symbol.dispose]());
      const redis = await connectRedis(url);
      closing.push(() => redis.disconnect());
      const bucket = await Bucket.open(place);
      closing.push(() => bucket.close());
      const queues = await Queues.open(redis);
      closing.push(() => queues.close());
      const cache = join(data, 'cache');
      await mkdir(cache, { recursive: true, mode: 0o700 });
      const parts = {
        rows: new RedisRows(redis),
        files: await BucketFiles.open(bucket, join(data, 'incoming'), now),
        turns: new RedisTurns(redis),
        room: new Room(data, diskSpace),
        work: await BucketWork.open(bucket, cache, defaultKeyBytes),
        queues,
        registry: new Registry(redis),
        signals: new Signals(redis),
      };
      return new SharedBackend(parts, closing);
    } catch (error) {
      await closeAll(closing);
      throw error;
    }
  }

  async start(stores: Stores, hears: QueueHears): Promise<WorkQueue> {
    this.#closing.push(await this.signals.listen(hears.onChange));
    const { queues, registry, signals, turns } = this;
    return new Router({ stores, queues, registry, signals, turns, hears });
  }

  async sweep({ parts, jobs }: Stores): Promise<void> {
    await this.turns.once('sweep', sweepMs, async () => {
      await parts.sweepFiles({ lost: false });
      await jobs.sweepFiles();
    });
  }

  async close(): Promise<void> {
    await closeAll(this.#closing);
  }
}

async function closeAll(closing: (() => unknown)[]): Promise<void> {
  for (const close of closing.splice(0).reverse()) await close();
}

export interface SharedWorkerOptions extends SharedOptions {
  readonly data: string;
  readonly programs: Programs;
  readonly limits: Limits;
  readonly spawnWorker: () => ChildProcess;
  readonly graceMs: number;
  readonly onFault: (what: string, error: unknown) => void;
  /** For tests: told of every step between which a crash may come. */
  readonly at?: OnFaultPoint;
}

/** Takes tasks of services that share Redis and a bucket, until it is closed. @throws as SharedBackend.open */
export async function startSharedWorker(
  options: SharedWorkerOptions,
): Promise<{ readonly id: string; close(): Promise<void> }> {
  const { programs, limits, spawnWorker, graceMs, onFault, at = () => {}, ...place } = options;
  const backend = await SharedBackend.open(place);
  const { rows, files, turns, work, queues, registry, signals } = backend;
  const context = { rows, files, turns, limits, now: Date.now, at };
  const parts = new PartStore(context);
  const stores: Stores = { programs, parts, keysets: new KeysetStore(context, parts), jobs: new JobStore(context), work, at }; // biome-ignore format: short
  const shared = await SharedWork.start({ stores, work, queues, registry, signals, spawnWorker, graceMs, onFault });
  return {
    id: shared.id,
    close: async () => {
      await shared.close();
      await backend.close();
    },
  };
}
