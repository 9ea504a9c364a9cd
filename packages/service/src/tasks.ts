import { existsSync } from 'node:fs';
import type { Programs } from './programs.ts';
import type { JobStore } from './store/jobs.ts';
import type { KeysetStore } from './store/keysets.ts';
import type { PartStore } from './store/parts.ts';
import type { JobRecord, KeysetRecord } from './store/schemas.ts';
import type { KeysetFiles } from './worker/engine.ts';
import type { Task } from './worker/scheduler.ts';

export interface Stores {
  readonly programs: Programs;
  readonly parts: PartStore;
  readonly keysets: KeysetStore;
  readonly jobs: JobStore;
}
type Result = Parameters<Task['finish']>[0];

/** Tries are counted before they are made: one that ends this process counts as well. */
const begun = <T extends { readonly attempts: number }>(record: T): T => ({ ...record, attempts: record.attempts + 1 });
const released = <T extends { readonly attempts: number }>(record: T): T => ({
  ...record,
  attempts: Math.max(0, record.attempts - 1),
});

/** A committed key set to verify. */
export class VerifyTask implements Task {
  readonly id: string;
  readonly keyset: string;
  readonly #stores: Stores;

  constructor(id: string, stores: Stores) {
    this.id = id;
    this.keyset = id;
    this.#stores = stores;
  }

  async begin(): ReturnType<Task['begin']> {
    const record = await this.#update(begun);
    if (record === undefined) return undefined;
    return { assignment: { type: 'verify', keyset: await keysetFiles(record, this.#stores) }, tries: record.attempts };
  }

  async finish(result: Result): Promise<void> {
    await this.#update((record) =>
      result.ok ? { ...record, state: 'ready' } : { ...record, state: 'rejected', reason: result.reason },
    );
  }

  async release(): Promise<void> {
    await this.#update(released);
  }

  #update(change: (record: KeysetRecord) => KeysetRecord): Promise<KeysetRecord | undefined> {
    return this.#stores.keysets.update(this.id, (record) =>
      record.state === 'verifying' ? change(record) : undefined,
    );
  }
}

/** A request to compute. */
export class JobTask implements Task {
  readonly id: string;
  readonly keyset: string;
  readonly #stores: Stores;

  constructor(id: string, keyset: string, stores: Stores) {
    this.id = id;
    this.keyset = keyset;
    this.#stores = stores;
  }

  async begin(): ReturnType<Task['begin']> {
    const { jobs, keysets, programs } = this.#stores;
    const record = await this.#update((job) => begun({ ...job, state: 'running' }));
    if (record === undefined) return undefined;
    const keyset = keysets.get(record.keyset);
    const program = programs.get(record.program);
    const job = {
      id: this.id,
      program: program.folder,
      keyset: await keysetFiles(keyset, this.#stores),
      request: jobs.requestPath(this.id),
      result: jobs.resultPath(this.id),
    };
    return { assignment: { type: 'run', job }, tries: record.attempts };
  }

  async finish(result: Result): Promise<void> {
    const finished = new Date().toISOString();
    // An engine that broke its promise must not become a result that is not there.
    const there = existsSync(this.#stores.jobs.resultPath(this.id));
    await this.#update((job) => {
      if (result.ok && there) return { ...job, state: 'done', finished };
      return { ...job, state: 'failed', finished, reason: result.ok ? 'the engine left no result' : result.reason };
    });
  }

  async release(): Promise<void> {
    await this.#update((job) => released({ ...job, state: 'queued' }));
  }

  #update(change: (record: JobRecord) => JobRecord): Promise<JobRecord | undefined> {
    return this.#stores.jobs.update(this.id, (record) =>
      record.state === 'queued' || record.state === 'running' ? change(record) : undefined,
    );
  }
}

async function keysetFiles({ id, plan, key }: KeysetRecord, stores: Stores): Promise<KeysetFiles> {
  const { parts } = await stores.keysets.list(id);
  return {
    id,
    plan,
    key,
    parts: parts.map((sha256) => ({ sha256, path: stores.parts.path(sha256) })),
    list: stores.keysets.listPath(id),
    programs: stores.programs.ofPlan(plan).map(({ folder }) => folder),
  };
}
