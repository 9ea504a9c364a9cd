import { availableParallelism } from 'node:os';
import {
  apiPrefix,
  isFinal,
  type Job,
  type KeyList,
  type Keyset,
  type OpenKeyset,
} from '@cipherformer/client/protocol';
import type { Backend } from './backend.ts';
import type { OnFaultPoint } from './faults.ts';
import { Feed } from './feed.ts';
import { dayOf, keysMs, type Limits, openMs, resultMs, verifyCpuSeconds } from './limits.ts';
import { Problem } from './problem.ts';
import { isServedBy, nameOf, type Programs, taskOf } from './programs.ts';
import { Quotas } from './quotas.ts';
import { isoTime, type StoreContext } from './store/context.ts';
import type { Received } from './store/files.ts';
import { type JobRequest, JobStore, underWay } from './store/jobs.ts';
import { KeysetStore } from './store/keysets.ts';
import { OwnerStore } from './store/owners.ts';
import { PartStore } from './store/parts.ts';
import type { Room } from './store/room.ts';
import type { JobRow, KeysetRow, OwnerRow } from './store/rows.ts';
import { JobTask, type Stores, VerifyTask } from './tasks.ts';
import type { WorkQueue } from './worker/scheduler.ts';

/** How often it is looked for what has expired. */
const tidyMs = 60_000;
/** Parts are noted as a use of their key set no more often: it is a change on the disk. */
const touchMs = 60_000;

export interface ServiceOptions {
  /** Closed with the service. */
  readonly backend: Backend;
  readonly programs: Programs;
  readonly limits: Limits;
  /** Milliseconds since 1970. Default: the clock of the machine. */
  readonly now?: (() => number) | undefined;
  /** For tests: told of every step between which a crash may come. */
  readonly at?: OnFaultPoint | undefined;
  readonly onFault: (what: string, error: unknown) => void;
}

/** What the service does, apart from HTTP: owners, key sets and jobs that are kept, and work that waits. */
export class Service {
  readonly programs: Programs;
  readonly limits: Limits;
  readonly owners: OwnerStore;
  readonly parts: PartStore;
  readonly keysets: KeysetStore;
  readonly jobs: JobStore;
  readonly room: Room;
  readonly feed: Feed;
  readonly #backend: Backend;
  readonly #context: StoreContext;
  readonly #stores: Stores;
  readonly #queue: WorkQueue;
  readonly #quotas: Quotas;
  readonly #stopping = new AbortController();
  readonly #tidying: NodeJS.Timeout;

  private constructor(options: ServiceOptions, context: StoreContext, stores: Stores, queue: WorkQueue, feed: Feed) {
    const { programs, parts, keysets, jobs } = stores;
    this.#backend = options.backend;
    this.#context = context;
    this.#stores = stores;
    this.#queue = queue;
    this.feed = feed;
    this.programs = programs;
    this.limits = options.limits;
    this.owners = new OwnerStore(context);
    this.parts = parts;
    this.keysets = keysets;
    this.jobs = jobs;
    this.room = options.backend.room;
    const { rows, now } = context;
    this.#quotas = new Quotas({ rows, jobs, programs, queue, limits: this.limits, now });
    this.#tidying = setInterval(() => {
      this.tidy().catch((error: unknown) => options.onFault('what has expired could not be removed', error));
    }, tidyMs).unref();
  }

  /** Takes up what was left by whoever ran before. Where it cannot, the backend is closed. */
  static async open(options: ServiceOptions): Promise<Service> {
    const { backend, programs, limits, onFault, now = Date.now, at = () => {} } = options;
    const { rows, files, turns, work } = backend;
    try {
      const context: StoreContext = { rows, files, turns, limits, now, at };
      const parts = new PartStore(context);
      const stores: Stores = { programs, parts, keysets: new KeysetStore(context, parts), jobs: new JobStore(context), work, at }; // biome-ignore format: short
      const feed = new Feed();
      await new OwnerStore(context).local();
      await rows.addPrograms(programs.all().map((program) => ({ digest: program.digest, name: nameOf(program), task: taskOf(program) }))); // biome-ignore format: short
      const queue = await backend.start(stores, { onChange: (id) => feed.changed(id), onFault });
      return new Service(options, context, stores, queue, feed);
    } catch (error) {
      await backend.close();
      throw error;
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
    void this.#queue.close();
  }

  /** Waits for the worker to end and lets go what it stands on: no request may write any more. */
  async close(): Promise<void> {
    this.stop();
    await this.#queue.close();
    await this.#backend.close();
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
      if (this.#backend.keepsParts) await this.room.check(keyBytes);
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
    const task = new VerifyTask(row, this.#stores);
    await this.#context.rows.spend(owner.id, dayOf(this.#context.now()), task.cpuSeconds);
    await this.#queue.add(task);
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
    await this.#queue.drop(id);
    await this.#queue.forget(id);
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
    if (!isServedBy(program, keyset.plan)) {
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
      return await this.#enqueue(owner, request, received);
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
      await this.#queue.drop(id);
      this.feed.changed(id);
    }
    return row;
  }

  /** A key set as the protocol shows it. */
  async keysetView(row: KeysetRow): Promise<Keyset> {
    const { id, plan, key, format, state, reason, created, used, expires, parts, bytes } = row;
    const progress = state === 'verifying' ? await this.#queue.progressOf(id) : undefined;
    return {
      ...{ id, plan, key, format, state },
      ...{ created: isoTime(created), used: isoTime(used), expires: isoTime(expires) },
      ...(reason === null ? {} : { reason }),
      ...(parts === null || bytes === null ? {} : { parts, bytes }),
      ...(progress === undefined ? {} : { done: progress.done, total: progress.total }),
    };
  }

  /** A job as the protocol shows it. */
  async jobView(row: JobRow): Promise<Job> {
    const { id, program, keyset, input, reason, submitted, finished, attempts } = row;
    const always = {
      ...{ id, program, keyset, input, submitted: isoTime(submitted), attempts },
      ...(reason === null ? {} : { reason }),
      ...(finished === null ? {} : { finished: isoTime(finished) }),
    };
    if (isFinal(row.state)) return { ...always, state: row.state };
    const waiting = await this.#queue.placeOf(id);
    if (waiting !== undefined) {
      const startsInSeconds = waiting.cpuSeconds / availableParallelism();
      return { ...always, state: 'queued', place: waiting.place, startsInSeconds };
    }
    const progress = await this.#queue.progressOf(id);
    if (progress === undefined) return { ...always, state: row.state === 'queued' ? 'queued' : 'loading' };
    const { what, done, total, secondsLeft } = progress;
    const state = what === 'running' ? 'running' : 'loading';
    return { ...always, state, done, total, ...(secondsLeft === undefined ? {} : { secondsLeft }) };
  }

  /** What there is and waits, for the operator. */
  async counts() {
    const { tasks: waiting, cpuSeconds: waitingCpuSeconds } = await this.#queue.waiting();
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
    await this.#backend.sweep(this.#stores);
  }

  async #enqueue(owner: OwnerRow, request: JobRequest, received: Received): Promise<JobRow> {
    const cpuSeconds = this.programs.get(request.program).cpuSeconds ?? 0;
    const check = () => this.checkJob(owner, request);
    const { row, queued } = await this.jobs.submit(owner.id, received, request, cpuSeconds, check);
    if (!queued) return row;
    await this.keysets.touch(request.keyset);
    await this.#queue.add(new JobTask(row, this.#stores));
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
}

function hintFor({ state, reason }: KeysetRow, url: string): string {
  if (state === 'open') return `send its parts and commit it (POST ${url}/commit)`;
  if (state === 'verifying') return `wait until it is ready (GET ${url})`;
  return `it was rejected (${reason}): delete it (DELETE ${url}) and send the keys again`;
}
