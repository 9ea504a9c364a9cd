import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  apiPrefix,
  isFinal,
  type Job,
  type KeyList,
  type Keyset,
  type OpenKeyset,
} from '@cipherformer/client/protocol';
import { Feed } from './feed.ts';
import { Problem, StartError } from './problem.ts';
import type { Programs } from './programs.ts';
import { openDataFolder } from './store/data-folder.ts';
import { JobStore } from './store/jobs.ts';
import { KeysetStore } from './store/keysets.ts';
import { lockFolder } from './store/lock.ts';
import { Mutex } from './store/mutex.ts';
import { PartStore } from './store/parts.ts';
import { type DiskSpace, Room } from './store/room.ts';
import type { JobRecord, KeysetRecord } from './store/schemas.ts';
import { JobTask, VerifyTask } from './tasks.ts';
import { Scheduler } from './worker/scheduler.ts';

/** Most tasks that wait; requests beyond are refused until one is done. */
const maxWaiting = 64;
/** What a client that was refused is told to wait, in seconds. */
const retryAfterSeconds = 5;

export interface ServiceOptions {
  /** Folder of all that is kept. */
  readonly data: string;
  readonly programs: Programs;
  readonly spawnWorker: () => ChildProcess;
  /** How long a worker may take to stop before it is killed, in milliseconds. */
  readonly workerGraceMs: number;
  readonly diskSpace?: DiskSpace | undefined;
  readonly onFault: (what: string, error: unknown) => void;
}

/** What the service does, apart from HTTP: key sets and jobs on disk, and the worker. */
export class Service {
  readonly programs: Programs;
  readonly parts: PartStore;
  readonly room: Room;
  readonly feed: Feed;
  readonly keysets: KeysetStore;
  readonly jobs: JobStore;
  readonly #scheduler: Scheduler;
  readonly #lock: Disposable;
  readonly #stopping = new AbortController();

  private constructor(
    options: ServiceOptions,
    lock: Disposable,
    stores: { parts: PartStore; keysets: KeysetStore; jobs: JobStore },
  ) {
    this.programs = options.programs;
    this.parts = stores.parts;
    this.keysets = stores.keysets;
    this.jobs = stores.jobs;
    this.room = new Room(options.data, options.diskSpace);
    this.feed = new Feed();
    this.#lock = lock;
    this.#scheduler = new Scheduler({
      spawnWorker: options.spawnWorker,
      graceMs: options.workerGraceMs,
      onChange: (id) => this.feed.changed(id),
      onFault: options.onFault,
    });
  }

  /** Opens a data folder, and takes up what the last service left. @throws StartError */
  static async open(options: ServiceOptions): Promise<Service> {
    await openDataFolder(options.data);
    const lock = lockFolder(options.data);
    try {
      const mutex = new Mutex();
      const parts = await PartStore.open(join(options.data, 'parts'));
      const keysets = await KeysetStore.open(join(options.data, 'keysets'), parts, mutex);
      const jobs = await JobStore.open(join(options.data, 'jobs'), mutex);
      const service = new Service(options, lock, { parts, keysets, jobs });
      await service.#resume();
      return service;
    } catch (error) {
      lock[Symbol.dispose]();
      throw error instanceof StartError
        ? error
        : new StartError(`cannot use ${options.data}: ${String(error)}`, { cause: error });
    }
  }

  /** Aborted when the service stops: who waits for something goes. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Begins to stop: the worker's task will be begun again by the next service. Requests may still write. */
  stop(): void {
    this.#stopping.abort();
    void this.#scheduler.close();
  }

  /** Waits for the worker to end and lets the data folder go: no request may write any more. */
  async close(): Promise<void> {
    this.stop();
    await this.#scheduler.close();
    this.#lock[Symbol.dispose]();
  }

  /** @throws Problem 'unknown-plan', 'no-room' or 'list-mismatch' */
  async openKeyset(request: OpenKeyset): Promise<{ record: KeysetRecord; created: boolean }> {
    const plans = this.programs.all().map(({ plan }) => plan);
    if (!plans.includes(request.plan)) {
      throw new Problem(
        'unknown-plan',
        `no program of this service has the key plan ${request.plan}`,
        `make the keys for a program that is served (GET ${apiPrefix}/programs)`,
        { plans: [...new Set(plans)] },
      );
    }
    const { keyBytes } = this.programs.ofPlan(request.plan)[0]!;
    const known = this.keysets.all().some(({ plan, key }) => plan === request.plan && key === request.key);
    if (!known && keyBytes !== undefined) await this.room.check(keyBytes);
    return this.keysets.create(request);
  }

  async commitKeyset(id: string, list: KeyList): Promise<KeysetRecord> {
    const { record, changed } = await this.keysets.commit(id, list);
    if (changed) this.#scheduler.add(this.#verifyTask(id));
    return record;
  }

  /** @throws Problem 'keyset-in-use' while jobs need it */
  async removeKeyset(id: string): Promise<void> {
    await this.keysets.remove(id, () => {
      const jobs = this.jobs.unfinishedOf(id).map((job) => job.id);
      if (jobs.length === 0) return;
      throw new Problem(
        'keyset-in-use',
        `${jobs.length} jobs that are not finished use the key set ${id}`,
        `wait for them, or cancel them first (DELETE ${apiPrefix}/jobs/…)`,
        { jobs },
      );
    });
    this.#scheduler.drop(id);
    this.#scheduler.forget(id);
  }

  /**
   * Whether a job of this program and key set may be queued.
   * @throws Problem 'unknown-program', 'unknown-keyset', 'plan-mismatch', 'keyset-not-ready' or 'queue-full' where not
   */
  checkJob(request: { readonly program: string; readonly keyset: string }): void {
    const program = this.programs.get(request.program);
    const keyset = this.keysets.get(request.keyset);
    if (keyset.plan !== program.plan) {
      throw new Problem(
        'plan-mismatch',
        `the key set ${keyset.id} is of another key plan than the program`,
        'use a key set that was made for this program',
        { expected: program.plan, actual: keyset.plan },
      );
    }
    if (keyset.state !== 'ready') {
      const url = `${apiPrefix}/keysets/${keyset.id}`;
      throw new Problem('keyset-not-ready', `the key set ${keyset.id} is ${keyset.state}`, hintFor(keyset, url), {
        state: keyset.state,
        keyset: url,
      });
    }
    if (this.#scheduler.waiting >= maxWaiting) {
      throw new Problem('queue-full', `${maxWaiting} tasks wait already`, 'send the request again later', {
        retryAfter: retryAfterSeconds,
      });
    }
  }

  /** The job of a staged request (see JobStore.submit). */
  async submit(
    stage: string,
    request: { readonly program: string; readonly keyset: string; readonly input: string },
  ): Promise<JobRecord> {
    const { record, queued } = await this.jobs.submit(stage, request, () => this.checkJob(request));
    if (queued) this.#scheduler.add(this.#jobTask(record));
    return record;
  }

  /** Cancels a job that is not finished; removes one that is (undefined). */
  async cancelOrRemove(id: string): Promise<JobRecord | undefined> {
    const record = await this.jobs.cancelOrRemove(id);
    if (record === undefined) {
      this.feed.forget(id);
    } else {
      this.#scheduler.drop(id);
      this.feed.changed(id);
    }
    return record;
  }

  /** A key set as the protocol shows it. */
  keysetView({ attempts: _, list: __, ...record }: KeysetRecord): Keyset {
    if (record.state !== 'verifying') return record;
    const progress = this.#scheduler.progressOf(record.id);
    return progress === undefined ? record : { ...record, done: progress.done, total: progress.total };
  }

  /** A job as the protocol shows it. */
  jobView({ order: _, ...record }: JobRecord): Job {
    if (isFinal(record.state)) return record;
    const place = this.#scheduler.placeOf(record.id);
    if (place !== undefined) return { ...record, state: 'queued', place };
    const progress = this.#scheduler.progressOf(record.id);
    if (progress === undefined) return { ...record, state: record.state === 'queued' ? 'queued' : 'loading' };
    const { what, done, total, secondsLeft } = progress;
    const state = what === 'running' ? 'running' : 'loading';
    return { ...record, state, done, total, ...(secondsLeft === undefined ? {} : { secondsLeft }) };
  }

  #verifyTask(id: string): VerifyTask {
    return new VerifyTask(id, this);
  }

  #jobTask({ id, keyset }: JobRecord): JobTask {
    return new JobTask(id, keyset, this);
  }

  /** Verifications first: jobs need them. Programs may have gone since: their key sets wait, their jobs fail. */
  async #resume(): Promise<void> {
    for (const { id, state, plan } of this.keysets.all())
      if (state === 'verifying' && this.programs.ofPlan(plan).length > 0) this.#scheduler.add(this.#verifyTask(id));
    for (const job of this.jobs.all()) {
      if (isFinal(job.state)) continue;
      // A result that is there is whole: the crash came between it and the note of it.
      if (job.state === 'running' && existsSync(this.jobs.resultPath(job.id)))
        await this.jobs.update(job.id, (record) => ({ ...record, state: 'done', finished: new Date().toISOString() }));
      else this.#scheduler.add(this.#jobTask(job));
    }
  }
}

function hintFor({ state, reason }: KeysetRecord, url: string): string {
  if (state === 'open') return `send its parts and commit it (POST ${url}/commit)`;
  if (state === 'verifying') return `wait until it is ready (GET ${url})`;
  return `it was rejected (${reason}): delete it (DELETE ${url}) and send the keys again`;
}
