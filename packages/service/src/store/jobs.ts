import { apiPrefix, isFinal } from '@cipherformer/client/protocol';
import { Problem } from '../problem.ts';
import { jobId } from './ids.ts';
import type { Mutex } from './mutex.ts';
import { Records } from './records.ts';
import { type JobRecord, jobRecord } from './schemas.ts';

/** Jobs with their requests and results. Changes are made one at a time, by `mutex`. */
export class JobStore {
  readonly #records: Records<JobRecord>;
  readonly #mutex: Mutex;

  private constructor(records: Records<JobRecord>, mutex: Mutex) {
    this.#records = records;
    this.#mutex = mutex;
  }

  static async open(folder: string, mutex: Mutex): Promise<JobStore> {
    return new JobStore(await Records.open(folder, 'job.json', jobRecord), mutex);
  }

  /** In the order in which they run. */
  all(): JobRecord[] {
    return this.#records.all().sort((a, b) => a.order - b.order);
  }

  find(id: string): JobRecord | undefined {
    return this.#records.get(id);
  }

  /** @throws Problem 'unknown-job' */
  get(id: string): JobRecord {
    const record = this.find(id);
    if (record === undefined)
      throw new Problem('unknown-job', `there is no job ${id}`, `list the jobs (GET ${apiPrefix}/jobs)`);
    return record;
  }

  /** Those that will still run with a key set. */
  unfinishedOf(keyset: string): JobRecord[] {
    return this.all().filter((job) => job.keyset === keyset && !isFinal(job.state));
  }

  requestPath(id: string): string {
    return this.#records.path(id, 'request');
  }

  resultPath(id: string): string {
    return this.#records.path(id, 'result');
  }

  /** A folder for a request that is on its way: for `submit`, or `discard`. */
  stage(): Promise<string> {
    return this.#records.stage();
  }

  discard(stage: string): Promise<void> {
    return this.#records.discard(stage);
  }

  /**
   * The job of a staged request. One that failed or was cancelled is queued again; one that is queued, runs or is done
   * stays as it is (`queued` is false).
   * @param check throws when the job may not be queued
   */
  submit(
    stage: string,
    request: { readonly program: string; readonly keyset: string; readonly input: string },
    check: () => void,
  ): Promise<{ record: JobRecord; queued: boolean }> {
    return this.#mutex.run(async () => {
      const id = jobId(request.program, request.keyset, request.input);
      const known = this.#records.get(id);
      if (known !== undefined && (known.state === 'done' || !isFinal(known.state)))
        return { record: known, queued: false };
      check();
      const order = Math.max(-1, ...this.#records.all().map((job) => job.order)) + 1;
      const submitted = new Date().toISOString();
      const record: JobRecord = { id, ...request, state: 'queued', order, submitted, attempts: 0 };
      if (known === undefined) await this.#records.add(stage, record);
      else await this.#records.put(record);
      return { record, queued: true };
    });
  }

  /** Changes a job that is there; undefined when it is gone or `change` returns undefined. */
  update(id: string, change: (record: JobRecord) => JobRecord | undefined): Promise<JobRecord | undefined> {
    return this.#mutex.run(async () => {
      const record = this.#records.get(id);
      const next = record && change(record);
      if (next !== undefined) await this.#records.put(next);
      return next;
    });
  }

  /** Cancels a job that is not finished, and removes one that is with its request and result (undefined). */
  cancelOrRemove(id: string): Promise<JobRecord | undefined> {
    return this.#mutex.run(async () => {
      const record = this.get(id);
      if (isFinal(record.state)) {
        await this.#records.remove(id);
        return undefined;
      }
      const next: JobRecord = { ...record, state: 'cancelled', finished: new Date().toISOString() };
      await this.#records.put(next);
      return next;
    });
  }
}
