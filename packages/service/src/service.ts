import type { ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import {
  apiPrefix,
  isFinal,
  type Job,
  type KeyList,
  type Keyset,
  type OpenKeyset,
} from '@cipherformer/client/protocol';
import type { OnFaultPoint } from './faults.ts';
import { Feed } from './feed.ts';
import { dayOf, keysMs, type Limits, openMs, resultMs, verifyCpuSeconds } from './limits.ts';
import { Problem, StartError } from './problem.ts';
import { nameOf, type Programs, taskOf } from './programs.ts';
import { Quotas } from './quotas.ts';
import { isoTime, type StoreContext, storeContext } from './store/context.ts';
import { openDataFolder, rowsFile } from './store/data-folder.ts';
import { Files, type Received } from './store/files.ts';
import { type JobRequest, JobStore, underWay } from './store/jobs.ts';
import { KeysetStore } from './store/keysets.ts';
import { lockFolder } from './store/lock.ts';
import { OwnerStore } from './store/owners.ts';
import { PartStore } from './store/parts.ts';
import { type DiskSpace, Room } from './store/room.ts';
import type { JobRow, KeysetRow, OwnerRow, Rows } from './store/rows.ts';
import { openRows } from './store/sqlite.ts';
import { JobTask, VerifyTask } from './tasks.ts';
import { Scheduler } from './worker/scheduler.ts';

/** How often it is looked for what has expired. */
const tidyMs = 60_000;
/** Parts are noted as a use of their key set no more often: it is a change on the disk. */
const touchMs = 60_000;

export interface ServiceOptions {
  /** Folder of all that is kept. */
  readonly data: string;
  readonly programs: Programs;
  readonly spawnWorker: () => ChildProcess;
  /** How long a worker may take to stop before it is killed, in milliseconds. */
  readonly workerGraceMs: number;
  readonly limits: Limits;
  readonly diskSpace?: DiskSpace | undefined;
  /** Milliseconds since 1970. Default: the clock of the machine. */
  readonly now?: (() => number) | undefined;
  /** For tests: told of every step between which a crash may come. */
  readonly at?: OnFaultPoint | undefined;
  readonly onFault: (what: string, error: unknown) => void;
}

/** What the service does, apart from HTTP: owners, key sets and jobs on disk, and the worker. */
export class Service {
  readonly programs: Programs;
  readonly limits: Limits;
  readonly owners: OwnerStore;
  readonly parts: PartStore;
  readonly keysets: KeysetStore;
  readonly jobs: JobStore;
  readonly room: Room;
  readonly feed = new Feed();
  readonly #context: StoreContext;
  readonly #scheduler: Scheduler;
  readonly #quotas: Quotas;
  readonly #lock: Disposable;
  readonly #stopping = new AbortController();
  readonly #tidying: NodeJS.Timeout;

  private constructor(options: ServiceOptions, lock: Disposable, context: StoreContext) {
    this.#lock = lock;
    this.#context = context;
    this.programs = options.programs;
    this.limits = options.limits;
    this.owners = new OwnerStore(context);
    this.parts = new PartStore(context);
    this.keysets = new KeysetStore(context, this.parts);
    this.jobs = new JobStore(context);
    this.room = new Room(options.data, options.diskSpace);
    this.#scheduler = new Scheduler({
      spawnWorker: options.spawnWorker,
      graceMs: options.workerGraceMs,
      onChange: (id) => this.feed.changed(id),
      onFault: options.onFault,
    });
    const { jobs, programs, limits } = this;
    this.#quotas = new Quotas({ rows: context.rows, jobs, programs, scheduler: this.#scheduler, limits, now: context.now }); // biome-ignore format: short
    this.#tidying = setInterval(() => {
      this.tidy().catch((error: unknown) => options.onFault('what has expired could not be removed', error));
    }, tidyMs).unref();
  }

  /** Opens a data folder, and takes up what the last service left. @throws StartError */
  static async open(options: ServiceOptions): Promise<Service> {
    await openDataFolder(options.data);
    const lock = lockFolder(options.data);
    let rows: Rows | undefined;
    try {
      const files = await Files.open(options.data);
      rows = openRows(join(options.data, rowsFile));
      const { limits, now = Date.now, at = () => {} } = options;
      const service = new Service(options, lock, storeContext({ rows, files, limits, now, at }));
      await service.#resume();
      return service;
    } catch (error) {
      rows?.close();
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
    clearInterval(this.#tidying);
    void this.#scheduler.close();
  }

  /** Waits for the worker to end and lets the data folder go: no request may write any more. */
  async close(): Promise<void> {
    this.stop();
    await this.#scheduler.close();
    this.#context.rows.close();
    this.#lock[Symbol.dispose]();
  }

  /** @throws Problem 'unknown-plan', 'no-room', 'quota-exceeded', 'too-many-keysets' or 'list-mismatch' */
  async openKeyset(owner: OwnerRow, request: OpenKeyset): Promise<{ row: KeysetRow; created: boolean }> {
    const plans = this.programs.all().map(({ plan }) => plan);
    if (!plans.includes(request.plan)) {
      throw new Problem(
        'unknown-plan',
        `no program of this service has the key plan ${request.plan}`,
        `make the keys for a program that is served (GET ${apiPrefix}/programs)`,
        { plans: [...new Set(plans)] },
      );
    }
    const known = await this.keysets.known(owner.id, request);
    if (known !== undefined) return { row: known, created: false };
    const { keyBytes } = this.programs.ofPlan(request.plan)[0]!;
    this.#quotas.keys(owner, keyBytes);
    if (keyBytes !== undefined) {
      if (owner.kind === 'open') await this.#makeRoom(keyBytes);
      await this.room.check(keyBytes);
    }
    return this.keysets.create(owner, request);
  }

  /**
   * Takes a part of an open key set while it arrives.
   * @param bytes as its sender declares
   * @throws Problem 'unknown-keyset', 'keyset-closed', 'too-many-parts', 'quota-exceeded', 'no-room' or 'digest-mismatch'
   */
  async putPart(
    owner: OwnerRow,
    part: { readonly keyset: string; readonly sha256: string; readonly bytes: number },
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const keyset = await this.keysets.getOpen(owner.id, part.keyset);
    using _quota = await this.#quotas.part(owner, part.bytes);
    using _room = await this.room.promise(part.bytes);
    // It may be deleted meanwhile: then nobody is told that its part is kept.
    const check = async () => void (await this.keysets.getOpen(owner.id, part.keyset));
    await this.parts.put(owner.id, part.sha256, chunks, check);
    if (this.#context.now() - keyset.used > touchMs) await this.keysets.touch(keyset.id);
  }

  /** @throws what KeysetStore.commit throws, Problem 'busy' or 'day-spent' */
  async commitKeyset(owner: OwnerRow, id: string, list: KeyList): Promise<KeysetRow> {
    const check = (bytes: number) => this.#quotas.work(owner, verifyCpuSeconds(bytes));
    const { row, changed } = await this.keysets.commit(owner.id, id, list, check);
    if (!changed) return row;
    const task = this.#verifyTask(row);
    await this.#context.rows.spend(owner.id, dayOf(this.#context.now()), task.cpuSeconds);
    this.#scheduler.add(task);
    return row;
  }

  /** Sets when a key set goes that is not used before: no later than keys are kept here. */
  async expireKeyset(owner: OwnerRow, id: string, expires: number): Promise<KeysetRow> {
    const row = await this.keysets.get(owner.id, id);
    const latest = this.#context.now() + keysMs(this.limits);
    return (await this.keysets.change(id, [row.state], { expires: Math.min(expires, latest) })) ?? row;
  }

  /** @throws Problem 'keyset-in-use' while jobs need it */
  async removeKeyset(owner: string, id: string): Promise<void> {
    await this.keysets.remove(owner, id, async () => {
      const jobs = (await this.jobs.all({ keyset: id, states: underWay })).map((job) => job.id);
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
   * @throws Problem 'unknown-program', 'program-retired', 'unknown-keyset', 'plan-mismatch', 'keyset-not-ready', 'queue-full',
   * 'busy' or 'day-spent' where not
   */
  async checkJob(owner: OwnerRow, request: JobRequest): Promise<void> {
    if (!this.programs.has(request.program)) await this.#refuseRetired(request.program);
    const program = this.programs.get(request.program);
    const keyset = await this.keysets.get(owner.id, request.keyset);
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
    await this.#quotas.job(owner, program.cpuSeconds ?? 0);
  }

  /** Writes a request while it arrives, and makes it a job. @throws as checkJob */
  async submit(owner: OwnerRow, request: JobRequest, chunks: AsyncIterable<Uint8Array>): Promise<JobRow> {
    const received = await this.#context.files.receive(chunks);
    try {
      await this.#context.at('request-received');
      return await this.#queue(owner, request, received);
    } catch (error) {
      await this.#context.files.discard(received);
      throw error;
    }
  }

  /** Cancels a job that is not finished; removes one that is (undefined). */
  async cancelOrRemove(owner: string, id: string): Promise<JobRow | undefined> {
    const row = await this.jobs.cancelOrRemove(owner, id);
    if (row === undefined) {
      this.feed.forget(id);
    } else {
      this.#scheduler.drop(id);
      this.feed.changed(id);
    }
    return row;
  }

  /** A key set as the protocol shows it. */
  keysetView(row: KeysetRow): Keyset {
    const { id, plan, key, format, state, reason, created, used, expires, parts, bytes } = row;
    const progress = state === 'verifying' ? this.#scheduler.progressOf(id) : undefined;
    return {
      ...{ id, plan, key, format, state },
      ...{ created: isoTime(created), used: isoTime(used), expires: isoTime(expires) },
      ...(reason === null ? {} : { reason }),
      ...(parts === null || bytes === null ? {} : { parts, bytes }),
      ...(progress === undefined ? {} : { done: progress.done, total: progress.total }),
    };
  }

  /** A job as the protocol shows it. */
  jobView(row: JobRow): Job {
    const { id, program, keyset, input, reason, submitted, finished, attempts } = row;
    const always = {
      ...{ id, program, keyset, input, submitted: isoTime(submitted), attempts },
      ...(reason === null ? {} : { reason }),
      ...(finished === null ? {} : { finished: isoTime(finished) }),
    };
    if (isFinal(row.state)) return { ...always, state: row.state };
    const waiting = this.#scheduler.placeOf(id);
    if (waiting !== undefined) {
      const startsInSeconds = waiting.cpuSeconds / availableParallelism();
      return { ...always, state: 'queued', place: waiting.place, startsInSeconds };
    }
    const progress = this.#scheduler.progressOf(id);
    if (progress === undefined) return { ...always, state: row.state === 'queued' ? 'queued' : 'loading' };
    const { what, done, total, secondsLeft } = progress;
    const state = what === 'running' ? 'running' : 'loading';
    return { ...always, state, done, total, ...(secondsLeft === undefined ? {} : { secondsLeft }) };
  }

  /** What there is and waits, for the operator. */
  async counts() {
    const { waiting, waitingCpuSeconds } = this.#scheduler;
    return { ...(await this.#context.rows.counts()), waiting, waitingCpuSeconds };
  }

  /** Removes what has expired: key sets, results, owners who have nothing. */
  async tidy(): Promise<void> {
    const { now, rows } = this.#context;
    const kinds = new Map((await rows.owners()).map(({ id, kind }) => [id, kind]));
    for (const keyset of await this.keysets.all()) {
      const isAbandoned = keyset.state === 'open' && kinds.get(keyset.owner) === 'open' && keyset.used < now() - openMs(this.limits); // biome-ignore format: short
      if (isAbandoned || keyset.expires < now()) await this.#removeIdle(keyset);
    }
    for (const id of await this.jobs.purge(now() - resultMs(this.limits))) this.feed.forget(id);
    for (const { id, kind, token, created } of await rows.owners())
      if ((kind === 'open' && created < now() - keysMs(this.limits)) || (kind === 'token' && token === null))
        await rows.removeOwner(id);
  }

  async #queue(owner: OwnerRow, request: JobRequest, received: Received): Promise<JobRow> {
    const cpuSeconds = this.programs.get(request.program).cpuSeconds ?? 0;
    const check = () => this.checkJob(owner, request);
    const { row, queued } = await this.jobs.submit(owner.id, received, request, cpuSeconds, check);
    if (!queued) return row;
    await this.keysets.touch(request.keyset);
    this.#scheduler.add(new JobTask(row, this.#stores));
    return row;
  }

  /** @throws Problem 'program-retired' for one that was served before */
  async #refuseRetired(digest: string): Promise<void> {
    const was = await this.#context.rows.program(digest);
    if (was === undefined) return;
    const successor = this.programs.named(was.name, was.task);
    throw new Problem(
      'program-retired',
      `the program ${digest} is not served any more`,
      successor === undefined
        ? `use another one (GET ${apiPrefix}/programs)`
        : 'use its successor: of its keys, those that are here already need not be sent again',
      successor === undefined ? {} : { successor: successor.digest },
    );
  }

  /** Removes key sets of strangers, those first that were not used for longest, until there is room for more of theirs. */
  async #makeRoom(bytes: number): Promise<void> {
    const { rows } = this.#context;
    const limit = this.limits.strangerBytes;
    const idle = (await this.keysets.all()).sort((a, b) => a.used - b.used);
    for (const keyset of idle) {
      if ((await rows.bytesOf({ kind: 'open' })) + bytes <= limit) return;
      const isStranger = (await rows.owner(keyset.owner))?.kind === 'open';
      if (isStranger && keyset.used < this.#context.now() - openMs(this.limits)) await this.#removeIdle(keyset);
    }
    const used = await rows.bytesOf({ kind: 'open' });
    if (used + bytes <= limit) return;
    throw new Problem(
      'no-room',
      `owners without a name have ${used} bytes of keys here together, of ${limit}`,
      'try again in an hour, or ask who runs the service for a token',
      { needed: bytes, free: Math.max(0, limit - used) },
    );
  }

  /** Removes a key set, unless a job needs it. */
  async #removeIdle({ owner, id }: KeysetRow): Promise<void> {
    try {
      await this.removeKeyset(owner, id);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
    }
  }

  get #stores() {
    const { programs, parts, keysets, jobs } = this;
    return { programs, parts, keysets, jobs, at: this.#context.at };
  }

  #verifyTask(row: KeysetRow): VerifyTask {
    return new VerifyTask(row, verifyCpuSeconds(row.bytes ?? 0), this.#stores);
  }

  /** Verifications first: jobs need them. Programs may have gone since: their key sets wait, their jobs fail. */
  async #resume(): Promise<void> {
    const { rows } = this.#context;
    await this.owners.local();
    await rows.addPrograms(this.programs.all().map((program) => ({ digest: program.digest, name: nameOf(program), task: taskOf(program) }))); // biome-ignore format: short
    await this.parts.recover();
    await this.jobs.recover();
    for (const keyset of await this.keysets.all())
      if (keyset.state === 'verifying' && this.programs.ofPlan(keyset.plan).length > 0)
        this.#scheduler.add(this.#verifyTask(keyset));
    for (const job of await this.jobs.all({ states: underWay })) {
      // A result that is there is whole: the crash came between it and the note of it.
      if (job.state === 'running' && this.jobs.hasResult(job)) await this.jobs.end(job.id, 'done');
      else this.#scheduler.add(new JobTask(job, this.#stores));
    }
  }
}

function hintFor({ state, reason }: KeysetRow, url: string): string {
  if (state === 'open') return `send its parts and commit it (POST ${url}/commit)`;
  if (state === 'verifying') return `wait until it is ready (GET ${url})`;
  return `it was rejected (${reason}): delete it (DELETE ${url}) and send the keys again`;
}
