import type { OnFaultPoint } from './faults.ts';
import type { Programs } from './programs.ts';
import type { JobStore } from './store/jobs.ts';
import { underWay } from './store/jobs.ts';
import type { KeysetStore } from './store/keysets.ts';
import { type PartStore, partsOfList } from './store/parts.ts';
import type { JobRow, KeysetRow } from './store/rows.ts';
import type { KeysetFiles } from './worker/engine.ts';
import type { Task } from './worker/scheduler.ts';

export interface Stores {
  readonly programs: Programs;
  readonly parts: PartStore;
  readonly keysets: KeysetStore;
  readonly jobs: JobStore;
  readonly at: OnFaultPoint;
}
type Result = Parameters<Task['finish']>[0];

/** A run may take this many times its predicted processor time, and no less than a minute per gigabyte of keys and ten more. */
const patience = 20;
const leastSeconds = 600;
const secondsPerByte = 60 / 2 ** 30;
const limitSeconds = (cpuSeconds: number, keyBytes: number | null) =>
  leastSeconds + patience * cpuSeconds + secondsPerByte * (keyBytes ?? 0);

/** A committed key set to verify. */
export class VerifyTask implements Task {
  readonly id: string;
  readonly owner: string;
  readonly keyset: string;
  readonly cpuSeconds: number;
  readonly #stores: Stores;

  constructor({ id, owner }: KeysetRow, cpuSeconds: number, stores: Stores) {
    this.id = id;
    this.owner = owner;
    this.keyset = id;
    this.cpuSeconds = cpuSeconds;
    this.#stores = stores;
  }

  async begin(): ReturnType<Task['begin']> {
    const { keysets, at } = this.#stores;
    const row = await keysets.find(this.id);
    // Tries are counted before they are made: one that ends this process counts as well.
    const begun = row && (await keysets.change(this.id, ['verifying'], { attempts: row.attempts + 1 }));
    if (begun === undefined) return undefined;
    await at('verify-begun');
    const assignment = { type: 'verify', keyset: keysetFiles(begun, this.#stores) } as const;
    return { assignment, tries: begun.attempts, limitSeconds: limitSeconds(this.cpuSeconds, begun.bytes) };
  }

  async finish(result: Result): Promise<void> {
    const { keysets, at } = this.#stores;
    await at('verify-answered');
    await keysets.change(this.id, ['verifying'], result.ok ? { state: 'ready' } : { state: 'rejected', reason: result.reason }); // biome-ignore format: short
    await at('verify-kept');
  }

  async release(): Promise<void> {
    const row = await this.#stores.keysets.find(this.id);
    if (row !== undefined)
      await this.#stores.keysets.change(this.id, ['verifying'], { attempts: Math.max(0, row.attempts - 1) });
  }
}

/** A request to compute. */
export class JobTask implements Task {
  readonly id: string;
  readonly owner: string;
  readonly keyset: string;
  readonly cpuSeconds: number;
  readonly #stores: Stores;

  constructor({ id, owner, keyset, cpuSeconds }: JobRow, stores: Stores) {
    this.id = id;
    this.owner = owner;
    this.keyset = keyset;
    this.cpuSeconds = cpuSeconds;
    this.#stores = stores;
  }

  async begin(): ReturnType<Task['begin']> {
    const { jobs, keysets, programs, at } = this.#stores;
    const row = await jobs.find(this.id);
    const begun = row && (await jobs.change(this.id, underWay, { state: 'running', attempts: row.attempts + 1 }));
    if (begun === undefined) return undefined;
    await at('run-begun');
    const program = programs.get(begun.program);
    const keyset = await keysets.get(begun.owner, begun.keyset);
    const job = {
      id: this.id,
      program: program.folder,
      keyset: keysetFiles(keyset, this.#stores),
      request: jobs.requestPath(begun),
      result: jobs.resultPath(begun),
    };
    const limit = limitSeconds(this.cpuSeconds, keyset.bytes);
    return { assignment: { type: 'run', job }, tries: begun.attempts, limitSeconds: limit };
  }

  async finish(result: Result): Promise<void> {
    const { jobs, at } = this.#stores;
    await at('run-answered');
    // An engine that broke its promise must not become a result that is not there.
    if (result.ok && jobs.hasResult(this)) await jobs.end(this.id, 'done');
    else await jobs.end(this.id, 'failed', result.ok ? 'the engine left no result' : result.reason);
    await at('run-kept');
  }

  async release(): Promise<void> {
    const row = await this.#stores.jobs.find(this.id);
    if (row !== undefined)
      await this.#stores.jobs.change(this.id, underWay, { state: 'queued', attempts: Math.max(0, row.attempts - 1) });
  }
}

function keysetFiles({ id, owner, plan, key, list }: KeysetRow, stores: Stores): KeysetFiles {
  return {
    id,
    plan,
    key,
    parts: partsOfList(list).map((sha256) => ({ sha256, path: stores.parts.path(owner, sha256) })),
    list: list ?? '',
    programs: stores.programs.ofPlan(plan).map(({ folder }) => folder),
  };
}
