import { randomUUID } from 'node:crypto';
import { isFinal } from '@cipherformer/client/protocol';
import type { OnFaultPoint } from './faults.ts';
import { verifyCpuSeconds } from './limits.ts';
import type { Programs } from './programs.ts';
import type { WorkFiles } from './store/files.ts';
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
  readonly work: WorkFiles;
  readonly at: OnFaultPoint;
}
type Result = Parameters<Task['finish']>[0];

/** A run may take this many times its predicted processor time, and no less than a minute per gigabyte of keys and ten more. */
const patience = 20;
const leastSeconds = 600;
const secondsPerByte = 60 / 2 ** 30;
const limitSeconds = (cpuSeconds: number, keyBytes: number | null) =>
  leastSeconds + patience * cpuSeconds + secondsPerByte * (keyBytes ?? 0);

/**
 * All that waits or was begun. Verifications first: jobs need them. Programs may have gone since: their key sets wait, their
 * jobs fail.
 */
export async function tasksUnderWay(stores: Stores): Promise<(VerifyTask | JobTask)[]> {
  const { programs, keysets, jobs } = stores;
  const verifying = (await keysets.all()).filter(({ state, plan }) => state === 'verifying' && programs.ofPlan(plan).length > 0); // biome-ignore format: short
  return [
    ...verifying.map((row) => new VerifyTask(row, stores)),
    ...(await jobs.all({ states: underWay })).map((row) => new JobTask(row, stores)),
  ];
}

/** A committed key set to verify. */
export class VerifyTask implements Task {
  readonly kind = 'verify';
  readonly id: string;
  readonly owner: string;
  readonly keyset: string;
  readonly needs: string;
  readonly cpuSeconds: number;
  readonly #stores: Stores;
  #claim: string | undefined;

  constructor({ id, owner, plan, bytes }: KeysetRow, stores: Stores) {
    this.id = id;
    this.owner = owner;
    this.keyset = id;
    this.needs = plan;
    this.cpuSeconds = verifyCpuSeconds(bytes ?? 0);
    this.#stores = stores;
  }

  async begin(): ReturnType<Task['begin']> {
    const { keysets, at } = this.#stores;
    const row = await keysets.find(this.id);
    // Tries are counted before they are made: one that ends this process counts as well.
    const claim = randomUUID();
    const begun = row && (await keysets.change(this.id, ['verifying'], { attempts: row.attempts + 1, claim }));
    if (begun === undefined) return undefined;
    this.#claim = claim;
    await at('verify-begun');
    const isVerified = ({ state, key, list }: KeysetRow) => state === 'ready' && key === begun.key && list !== null;
    const verified = (await keysets.all(this.owner)).filter(isVerified).map(({ list }) => list!);
    const keyset = { ...(await keysetFiles(begun, this.#stores)), verified };
    const assignment = { type: 'verify', keyset } as const;
    return { assignment, tries: begun.attempts, limitSeconds: limitSeconds(this.cpuSeconds, begun.bytes) };
  }

  async finish(result: Result): Promise<void> {
    const { keysets, at } = this.#stores;
    if (this.#claim === undefined) return;
    await at('verify-answered');
    const verdict = result.ok ? ({ state: 'ready' } as const) : ({ state: 'rejected', reason: result.reason } as const);
    await keysets.change(this.id, ['verifying'], verdict, this.#claim);
    await at('verify-kept');
  }

  async release(): Promise<void> {
    const row = await this.#stores.keysets.find(this.id);
    if (row === undefined || this.#claim === undefined) return;
    const attempts = Math.max(0, row.attempts - 1);
    await this.#stores.keysets.change(this.id, ['verifying'], { attempts }, this.#claim);
  }

  async isWanted(): Promise<boolean> {
    const row = await this.#stores.keysets.find(this.id);
    return row?.state === 'verifying' && (this.#claim === undefined || row.claim === this.#claim);
  }
}

/** A request to compute. */
export class JobTask implements Task {
  readonly kind = 'run';
  readonly id: string;
  readonly owner: string;
  readonly keyset: string;
  readonly needs: string;
  readonly cpuSeconds: number;
  readonly #stores: Stores;
  #claim: string | undefined;

  constructor({ id, owner, keyset, program, cpuSeconds }: JobRow, stores: Stores) {
    this.id = id;
    this.owner = owner;
    this.keyset = keyset;
    this.needs = program;
    this.cpuSeconds = cpuSeconds;
    this.#stores = stores;
  }

  async begin(): ReturnType<Task['begin']> {
    const { jobs, keysets, programs, work, at } = this.#stores;
    const row = await jobs.find(this.id);
    const claim = randomUUID();
    const begun =
      row && (await jobs.change(this.id, underWay, { state: 'running', attempts: row.attempts + 1, claim }));
    if (begun === undefined) return undefined;
    this.#claim = claim;
    await at('run-begun');
    const program = programs.get(begun.program);
    const keyset = await keysets.get(begun.owner, begun.keyset);
    const job = {
      id: this.id,
      program: program.folder,
      keyset: await keysetFiles(keyset, this.#stores),
      request: await work.request(begun),
      result: await work.resultTarget(begun),
    };
    const limit = limitSeconds(this.cpuSeconds, keyset.bytes);
    return { assignment: { type: 'run', job }, tries: begun.attempts, limitSeconds: limit };
  }

  async finish(result: Result): Promise<void> {
    const { jobs, work, at } = this.#stores;
    const claim = this.#claim;
    if (claim === undefined) return;
    await at('run-answered');
    // A result that nobody waits for is not kept: the row would refuse it, and it would lie there without one.
    if (!(await this.isWanted())) return;
    // An engine that broke its promise must not become a result that is not there.
    const isKept = result.ok && (await work.keepResult(this));
    await at('result-placed');
    if (isKept) await jobs.end(this.id, 'done', { claim });
    else await jobs.end(this.id, 'failed', { reason: result.ok ? 'the engine left no result' : result.reason, claim });
    await at('run-kept');
  }

  async release(): Promise<void> {
    const row = await this.#stores.jobs.find(this.id);
    if (row === undefined || this.#claim === undefined) return;
    const attempts = Math.max(0, row.attempts - 1);
    await this.#stores.jobs.change(this.id, underWay, { state: 'queued', attempts }, this.#claim);
  }

  async isWanted(): Promise<boolean> {
    const row = await this.#stores.jobs.find(this.id);
    return row !== undefined && !isFinal(row.state) && (this.#claim === undefined || row.claim === this.#claim);
  }
}

async function keysetFiles(
  { id, owner, plan, key, list }: KeysetRow,
  stores: Pick<Stores, 'work' | 'programs'>,
): Promise<KeysetFiles> {
  const parts = partsOfList(list);
  const paths = await stores.work.parts({ id, owner }, parts);
  return {
    id,
    plan,
    key,
    parts: parts.map((sha256, i) => ({ sha256, path: paths[i]! })),
    list: list ?? '',
    programs: stores.programs.ofPlan(plan).map(({ folder }) => folder),
  };
}
