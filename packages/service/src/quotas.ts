import { apiPrefix } from '@cipherformer/client/protocol';
import { dayOf, type Limits } from './limits.ts';
import { Problem } from './problem.ts';
import type { Programs } from './programs.ts';
import type { JobStore } from './store/jobs.ts';
import { underWay } from './store/jobs.ts';
import type { KeysetRow, OwnerRow, Rows } from './store/rows.ts';
import type { WorkQueue } from './worker/scheduler.ts';

/** Most jobs of the owner of this machine that wait or run. */
const maxLocalJobs = 64;
/** What a client that was refused is told to wait, in seconds. */
const shortly = 5;
const aMinute = 60;

export interface QuotaContext {
  readonly rows: Rows;
  readonly jobs: JobStore;
  readonly programs: Programs;
  readonly queue: WorkQueue;
  readonly limits: Limits;
  readonly now: () => number;
}

/** What an owner may still take of the service: looked at before a body is read, and again when it has come. */
export class Quotas {
  readonly #context: QuotaContext;
  /** Bytes of parts that arrive, by owner. */
  readonly #arriving = new Map<string, { parts: number; bytes: number }>();

  constructor(context: QuotaContext) {
    this.#context = context;
  }

  /** Holds room in an owner's quota for a part that is about to be read, until disposed. @throws Problem 'too-many-parts' or 'quota-exceeded' */
  async part({ id: owner, kind }: OwnerRow, bytes: number): Promise<Disposable> {
    const { rows, limits } = this.#context;
    if (kind === 'local') return { [Symbol.dispose]: () => {} };
    const now = this.#arriving.get(owner) ?? { parts: 0, bytes: 0 };
    if (now.parts >= limits.partsInFlight) {
      throw new Problem(
        'too-many-parts',
        `${now.parts} parts are arriving already, the most at the same time`,
        'send the next one when one of them is there',
        { limit: limits.partsInFlight, retryAfter: 1 },
      );
    }
    // From here on it counts, also while the rows are asked.
    this.#arriving.set(owner, { parts: now.parts + 1, bytes: now.bytes + bytes });
    const held = {
      [Symbol.dispose]: () => {
        const { parts, bytes: others } = this.#arriving.get(owner)!;
        if (parts === 1) this.#arriving.delete(owner);
        else this.#arriving.set(owner, { parts: parts - 1, bytes: others - bytes });
      },
    };
    try {
      const limit = this.#allowance(await rows.keysets(owner));
      const used = (await rows.bytesOf({ owner })) + now.bytes;
      if (used + bytes > limit) throw quotaExceeded(limit, used);
      return held;
    } catch (error) {
      held[Symbol.dispose]();
      throw error;
    }
  }

  /** @throws Problem 'quota-exceeded' where the keys of a program are more than an owner may have */
  keys({ kind }: OwnerRow, bytes: number | undefined): void {
    const { ownerBytes } = this.#context.limits;
    if (kind !== 'local' && bytes !== undefined && bytes > ownerBytes) throw quotaExceeded(ownerBytes, 0);
  }

  /** @throws Problem 'queue-full', 'busy' or 'day-spent' where a job may not wait now */
  async job(owner: OwnerRow, cpuSeconds: number): Promise<void> {
    const { jobs, limits } = this.#context;
    const waiting = (await jobs.all({ owner: owner.id, states: underWay })).length;
    const limit = owner.kind === 'local' ? maxLocalJobs : limits.jobs;
    if (waiting >= limit) {
      throw new Problem('queue-full', `${waiting} jobs of this owner wait already`, 'send the request again later', {
        limit,
        retryAfter: shortly,
      });
    }
    await this.work(owner, cpuSeconds);
  }

  /** @throws Problem 'busy' or 'day-spent' where so much predicted processor time may not be asked for now */
  async work({ id, kind }: OwnerRow, cpuSeconds: number): Promise<void> {
    const { queue, limits, rows, now } = this.#context;
    const waiting = await queue.waiting();
    // What waits for nothing is never refused: a program may take longer than the whole queue should.
    if (waiting.tasks > 0 && waiting.cpuSeconds + cpuSeconds > limits.queueCpuSeconds) {
      throw new Problem(
        'busy',
        `about ${Math.round(waiting.cpuSeconds)} s of processor time wait already`,
        'send it again later: what was sent is kept',
        { retryAfter: aMinute },
      );
    }
    if (kind === 'local') return;
    const limit = limits.cpuSecondsPerDay;
    const spent = await rows.spent(id, dayOf(now()));
    if (spent > 0 && spent + cpuSeconds > limit) {
      const tomorrow = Date.parse(`${dayOf(now() + 24 * 3600_000)}T00:00:00Z`);
      throw new Problem(
        'day-spent',
        `this would be ${Math.round(spent + cpuSeconds)} s of processor time today, and an owner has ${limit} s a day`,
        'ask again tomorrow (UTC)',
        { limit, spent: Math.round(spent), retryAfter: Math.ceil((tomorrow - now()) / 1000) },
      );
    }
  }

  /** What the plans of an owner's key sets can take, and no more than an owner may have. */
  #allowance(keysets: readonly KeysetRow[]): number {
    const { programs, limits } = this.#context;
    const bytes = keysets.map(({ plan }) => programs.ofPlan(plan)[0]?.keyBytes ?? limits.ownerBytes);
    return Math.min(
      limits.ownerBytes,
      bytes.reduce((sum, one) => sum + one, 0),
    );
  }
}

function quotaExceeded(limit: number, used: number): Problem {
  return new Problem(
    'quota-exceeded',
    `an owner may have ${limit} bytes of keys here, and has ${used}`,
    `delete a key set that is not needed (DELETE ${apiPrefix}/keysets/…), or ask who runs the service for more`,
    { limit, used },
  );
}
