import { apiPrefix, isFinal } from '@cipherformer/client/protocol';
import { dayOf } from '../limits.ts';
import { Problem } from '../problem.ts';
import type { StoreContext } from './context.ts';
import type { Files, JobName, Received } from './files.ts';
import { jobId } from './ids.ts';
import type { JobChanges, JobRow, StoredJobState } from './rows.ts';

/** What a job computes. */
export interface JobRequest {
  readonly program: string;
  readonly keyset: string;
}

const finalStates = ['done', 'failed', 'cancelled'] as const;
export const underWay = ['queued', 'running'] as const;

/** Jobs with their requests and results, as files. Each belongs to an owner; for others it is not there. */
export class JobStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  /** In the order in which they came. */
  all(of: { readonly owner?: string; readonly keyset?: string; readonly states?: readonly StoredJobState[] } = {}): Promise<JobRow[]> {
    return this.#context.rows.jobs(of);
  } // biome-ignore format: a line each

  /** By its id alone: for who has it from a row. */
  find(id: string): Promise<JobRow | undefined> {
    return this.#context.rows.job(id);
  }

  /** @throws Problem 'unknown-job' for none, and for one of another owner */
  async get(owner: string, id: string): Promise<JobRow> {
    const row = await this.find(id);
    if (row?.owner !== owner)
      throw new Problem('unknown-job', `there is no job ${id}`, `list the jobs (GET ${apiPrefix}/jobs)`);
    return row;
  }

  hasResult({ owner, id }: JobName): Promise<boolean> {
    return this.#context.files.has('results', owner, id);
  }

  /** The bytes of a result that is there. */
  result({ owner, id }: JobName): ReturnType<Files['read']> {
    return this.#context.files.read('results', owner, id);
  }

  /**
   * The job of a request that has arrived. One that failed or was cancelled is queued again; one that is queued, runs or is
   * done stays as it is (`queued` is false).
   * @param check throws when the job may not be queued
   */
  submit(
    owner: string,
    received: Received,
    request: JobRequest,
    cpuSeconds: number,
    check: () => Promise<void>,
  ): Promise<{ row: JobRow; queued: boolean }> {
    const { rows, files, turns, now, at } = this.#context;
    return turns.run(owner, async () => {
      const input = received.sha256;
      const id = jobId(owner, request.program, request.keyset, input);
      const known = await rows.job(id);
      if (known !== undefined && (known.state === 'done' || !isFinal(known.state))) {
        await files.discard(received);
        return { row: known, queued: false };
      }
      await check();
      await files.place(received, 'requests', owner, id);
      await at('request-placed');
      const submitted = now();
      const row: JobRow = {
        ...{ id, owner, ...request, input, state: 'queued', reason: null, submitted, finished: null },
        ...{ attempts: 0, claim: null, event: (known?.event ?? 0) + 1, cpuSeconds },
      };
      await rows.addJob(row, dayOf(submitted));
      await at('job-kept');
      return { row, queued: true };
    });
  }

  /** Changes a job that is there in one of these states, and of this try; undefined when it is not. */
  change(
    id: string,
    states: readonly StoredJobState[],
    changes: JobChanges,
    claim?: string,
  ): Promise<JobRow | undefined> {
    return this.#context.rows.changeJob(id, states, changes, claim);
  }

  /** A job ends: it fails, is done or is cancelled; undefined where it has ended, or another try was begun than `claim`. */
  end(
    id: string,
    state: (typeof finalStates)[number],
    { reason = null, claim }: { readonly reason?: string | null; readonly claim?: string } = {},
  ): Promise<JobRow | undefined> {
    return this.change(id, underWay, { state, reason, finished: this.#context.now() }, claim);
  }

  /** Cancels a job that is not finished, and removes one that is with its request and result (undefined). */
  cancelOrRemove(owner: string, id: string): Promise<JobRow | undefined> {
    const { turns, rows, now, at } = this.#context;
    return turns.run(owner, async () => {
      const row = await this.get(owner, id);
      if (isFinal(row.state)) {
        await this.#remove(row);
        return undefined;
      }
      const cancelled = await this.end(id, 'cancelled');
      // What no worker began costs nothing.
      if (row.state === 'queued') await rows.spend(owner, dayOf(now()), -row.cpuSeconds);
      await at('cancel-kept');
      return cancelled;
    });
  }

  /** Removes what finished before a time. */
  async purge(before: number): Promise<string[]> {
    const isOld = ({ finished }: JobRow) => finished !== null && finished < before;
    const old = (await this.all({ states: finalStates })).filter(isOld);
    for (const { id, owner } of old)
      await this.#context.turns.run(owner, async () => {
        // It may have been asked for again since.
        const row = await this.find(id);
        if (row !== undefined && isOld(row)) await this.#remove(row);
      });
    return old.map(({ id }) => id);
  }

  /** Removes requests and results without a job, and what a worker left half-written. */
  async sweepFiles(): Promise<void> {
    const { files, turns } = this.#context;
    const [requests, results] = [await files.list('requests'), await files.list('results')];
    for (const owner of new Set([...requests.keys(), ...results.keys()]))
      await turns.run(owner, async () => {
        const jobs = new Map((await this.all({ owner })).map((row) => [row.id, row.state]));
        const hasResult = (name: string) => ['running', 'done'].includes(jobs.get(name) ?? '');
        await files.remove(
          'requests',
          owner,
          (requests.get(owner) ?? []).filter((name) => !jobs.has(name)),
        );
        await files.remove(
          'results',
          owner,
          (results.get(owner) ?? []).filter((name) => !hasResult(name)),
        );
      });
  }

  async #remove({ id, owner }: JobRow): Promise<void> {
    const { rows, files, at } = this.#context;
    await rows.removeJob(id);
    await at('job-gone');
    await files.remove('requests', owner, [id]);
    await files.remove('results', owner, [id]);
  }
}
