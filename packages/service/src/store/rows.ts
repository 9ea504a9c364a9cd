import type { KeysetState } from '@cipherformer/client/protocol';

// What a service remembers beside files, and the questions that it asks of that memory. SQLite answers them on one machine
// (sqlite.ts). Every call is one transaction: when it resolves, a loss of power no longer undoes it, and before that nobody
// sees it. Times are milliseconds since 1970.

/** Whose things these are: nobody sees another's. */
export interface OwnerRow {
  readonly id: string;
  /** `token`: of `token add`. `open`: of a stranger who asked for one. `local`: whoever is on this machine. */
  readonly kind: 'token' | 'open' | 'local';
  /** What the operator calls it: of tokens alone. */
  readonly name: string | null;
  /** SHA-256 of the token; null where it was revoked, or there is none. */
  readonly token: string | null;
  readonly created: number;
}

export interface KeysetRow {
  readonly id: string;
  readonly owner: string;
  /** Digest of the key plan. */
  readonly plan: string;
  /** Names the secret key. */
  readonly key: string;
  readonly format: string;
  readonly state: KeysetState;
  readonly reason: string | null;
  readonly created: number;
  /** When it last got a part or a job. */
  readonly used: number;
  /** When it goes if it is not used before. */
  readonly expires: number;
  /** How often a worker has begun to verify it. */
  readonly attempts: number;
  /** Names the try that was begun last. */
  readonly claim: string | null;
  /** Of the committed list: its JSON as the owner sent it, its SHA-256, how many parts, and their bytes. */
  readonly list: string | null;
  readonly digest: string | null;
  readonly parts: number | null;
  readonly bytes: number | null;
}

/** What the protocol calls loading or running is one state here. */
export type StoredJobState = 'queued' | 'running' | 'done' | 'failed' | 'cancelled';

export interface JobRow {
  readonly id: string;
  readonly owner: string;
  readonly program: string;
  readonly keyset: string;
  /** SHA-256 of the request. */
  readonly input: string;
  readonly state: StoredJobState;
  readonly reason: string | null;
  readonly submitted: number;
  readonly finished: number | null;
  readonly attempts: number;
  /** Names the try that was begun last. */
  readonly claim: string | null;
  /** Counts the changes that were written down: names events across restarts. */
  readonly event: number;
  /** Predicted, of processor time. */
  readonly cpuSeconds: number;
}

export interface ProgramRow {
  readonly digest: string;
  /** Name and task: a program that is served later under the same ones is its successor. */
  readonly name: string;
  readonly task: string;
}

/** What may change of a row. The rest names it. */
export type KeysetChanges = Partial<
  Pick<
    KeysetRow,
    'state' | 'reason' | 'used' | 'expires' | 'attempts' | 'claim' | 'list' | 'digest' | 'parts' | 'bytes'
  >
>;
export type JobChanges = Partial<Pick<JobRow, 'state' | 'reason' | 'finished' | 'attempts' | 'claim'>>;

export interface Rows {
  /** False where the id, the name or the token is taken. */
  addOwner(owner: OwnerRow): Promise<boolean>;
  owner(id: string): Promise<OwnerRow | undefined>;
  ownerOfToken(sha256: string): Promise<OwnerRow | undefined>;
  owners(): Promise<OwnerRow[]>;
  /**
   * The token opens nothing any more. What is the owner's stays until it expires, or, to `remove`, does so now: a service takes
   * it away within a minute. False for a name that is none.
   */
  revoke(name: string, remove: boolean): Promise<boolean>;
  /** Removes an owner that has no key sets, parts and jobs any more; false for one that has. */
  removeOwner(id: string): Promise<boolean>;

  /** False where there is one of this id. */
  addKeyset(keyset: KeysetRow): Promise<boolean>;
  keyset(id: string): Promise<KeysetRow | undefined>;
  keysets(owner?: string): Promise<KeysetRow[]>;
  /**
   * The row after the change; undefined where it is gone or in none of these states.
   * @param claim only while this try is the last one that was begun: what a worker writes that was taken for dead, and lives,
   * changes nothing
   */
  changeKeyset(id: string, states: readonly KeysetState[], changes: KeysetChanges, claim?: string): Promise<KeysetRow | undefined>; // biome-ignore format: a line each
  removeKeyset(id: string): Promise<void>;

  addPart(owner: string, sha256: string, bytes: number): Promise<void>;
  /** Those of them that the owner has, with their bytes. */
  partsAmong(owner: string, sha256: readonly string[]): Promise<Map<string, number>>;
  partsOf(owner: string): Promise<string[]>;
  removeParts(owner: string, sha256: readonly string[]): Promise<void>;
  /** Bytes of parts: of one owner, or of all owners of a kind. */
  bytesOf(whose: { readonly owner: string } | { readonly kind: OwnerRow['kind'] }): Promise<number>;

  /** Puts a job at the end of the queue and its cost on its owner's day; replaces one of the same id. */
  addJob(job: JobRow, day: string): Promise<void>;
  job(id: string): Promise<JobRow | undefined>;
  /** In the order in which they came. */
  jobs(of: { readonly owner?: string; readonly keyset?: string; readonly states?: readonly StoredJobState[] }): Promise<JobRow[]>; // biome-ignore format: a line each
  /** As changeKeyset. */
  changeJob(id: string, states: readonly StoredJobState[], changes: JobChanges, claim?: string): Promise<JobRow | undefined>; // biome-ignore format: a line each
  removeJob(id: string): Promise<void>;

  /** Predicted processor seconds that an owner has asked for on a day (2026-11-29). */
  spent(owner: string, day: string): Promise<number>;
  /** Adds to them. */
  spend(owner: string, day: string, cpuSeconds: number): Promise<void>;

  /** Remembers programs that are served. */
  addPrograms(programs: readonly ProgramRow[]): Promise<void>;
  /** One that is served or was. */
  program(digest: string): Promise<ProgramRow | undefined>;

  /** What there is, for the operator. */
  counts(): Promise<{ owners: number; keysets: Record<string, number>; jobs: Record<string, number>; bytes: number }>;
  close(): void;
}
