import type { KeysetState } from '@cipherformer/client/protocol';
import { StartError } from '../problem.ts';
import { Database, isSqlite } from './database.ts';
import type { JobChanges, JobRow, KeysetChanges, KeysetRow, OwnerRow, ProgramRow, Rows, StoredJobState } from './rows.ts'; // biome-ignore format: a list

/** Of the tables below. Those of version 1 get what they lack; another one is refused: it is not guessed at. */
const schemaVersion = 2;
const sinceVersion1 = 'alter table keysets add column claim text; alter table jobs add column claim text;';

const schema = `
create table owners (id text primary key, kind text not null, name text unique, token text unique, created integer not null) strict;
create table keysets (
  id text primary key, owner text not null references owners, plan text not null, key text not null, format text not null,
  state text not null, reason text, created integer not null, used integer not null, expires integer not null,
  attempts integer not null, claim text, list text, digest text, parts integer, bytes integer) strict;
create index keysets_of on keysets (owner);
create table parts (owner text not null references owners, sha256 text not null, bytes integer not null, primary key (owner, sha256)) strict, without rowid;
create table jobs (
  place integer primary key autoincrement, id text not null unique, owner text not null references owners, program text not null,
  keyset text not null, input text not null, state text not null, reason text, submitted integer not null, finished integer,
  attempts integer not null, claim text, event integer not null, cpuSeconds real not null) strict;
create index jobs_of on jobs (owner);
create index jobs_under_way on jobs (place) where state in ('queued', 'running');
create table spent (owner text not null, day text not null, cpuSeconds real not null, primary key (owner, day)) strict, without rowid;
create table programs (digest text primary key, name text not null, task text not null) strict;
`;

const ownerColumns = 'id, kind, name, token, created';
const keysetColumns =
  'id, owner, plan, key, format, state, reason, created, used, expires, attempts, claim, list, digest, parts, bytes';
const jobColumns =
  'id, owner, program, keyset, input, state, reason, submitted, finished, attempts, claim, event, cpuSeconds';

const marks = (count: number) => Array.from({ length: count }, () => '?').join(', ');
const markedBy = (columns: string) => marks(columns.split(',').length);

/** Most values in one statement: SQLite takes 32,766. */
const batch = 1000;

/** Rows in one SQLite file. */
export class SqliteRows implements Rows {
  readonly #db: Database;

  private constructor(db: Database) {
    this.#db = db;
  }

  /** Opens or makes the file. @throws StartError for one of another release */
  static open(path: string): SqliteRows {
    const db = new Database(path);
    try {
      const { version } = db;
      if (version === 0) db.create(schema, schemaVersion);
      else if (version === 1) db.create(sinceVersion1, schemaVersion);
      else if (version !== schemaVersion)
        throw new StartError(
          `${path} has rows of version ${version}, this release writes ${schemaVersion}: use the release that wrote it, or another folder`,
        );
      return new SqliteRows(db);
    } catch (error) {
      db.close();
      throw error;
    }
  }

  async addOwner({ id, kind, name, token, created }: OwnerRow): Promise<boolean> {
    const sql = `insert or ignore into owners (${ownerColumns}) values (${markedBy(ownerColumns)})`;
    return this.#db.run(sql, id, kind, name, token, created) > 0;
  }

  async owner(id: string): Promise<OwnerRow | undefined> {
    return this.#row(`select ${ownerColumns} from owners where id = ?`, id);
  }

  async ownerOfToken(sha256: string): Promise<OwnerRow | undefined> {
    return this.#row(`select ${ownerColumns} from owners where token = ?`, sha256);
  }

  async owners(): Promise<OwnerRow[]> {
    return this.#db.all(`select ${ownerColumns} from owners order by created`);
  }

  async revoke(name: string, remove: boolean): Promise<boolean> {
    return this.#db.transaction(() => {
      const owner = this.#row<OwnerRow>(`select ${ownerColumns} from owners where name = ?`, name);
      if (owner === undefined) return false;
      this.#db.run('update owners set token = null, name = null where id = ?', owner.id);
      if (remove) {
        this.#db.run('update keysets set expires = 0 where owner = ?', owner.id);
        this.#db.run("update jobs set finished = 0 where owner = ? and state in ('done', 'failed', 'cancelled')", owner.id); // biome-ignore format: short
        this.#db.run("update jobs set state = 'cancelled', finished = 0, event = event + 1 where owner = ? and state = 'queued'", owner.id); // biome-ignore format: short
      }
      return true;
    });
  }

  async removeOwner(id: string): Promise<boolean> {
    return this.#db.transaction(() => {
      this.#db.run('delete from spent where owner = ?', id);
      const sql = `delete from owners where id = ?1 and not exists (select 1 from keysets where owner = ?1)
        and not exists (select 1 from parts where owner = ?1) and not exists (select 1 from jobs where owner = ?1)`;
      return this.#db.run(sql, id) > 0;
    });
  }

  async addKeyset(row: KeysetRow): Promise<boolean> {
    const sql = `insert or ignore into keysets (${keysetColumns}) values (${markedBy(keysetColumns)})`;
    const { id, owner, plan, key, format, state, reason, created, used, expires, attempts, claim, list, digest, parts, bytes } = row; // biome-ignore format: the columns
    return this.#db.run(sql, id, owner, plan, key, format, state, reason, created, used, expires, attempts, claim, list, digest, parts, bytes) > 0; // biome-ignore format: the columns
  }

  async keyset(id: string): Promise<KeysetRow | undefined> {
    return this.#keyset(id);
  }

  async keysets(owner?: string): Promise<KeysetRow[]> {
    if (owner === undefined) return this.#db.all(`select ${keysetColumns} from keysets order by created, id`);
    return this.#db.all(`select ${keysetColumns} from keysets where owner = ? order by created, id`, owner);
  }

  async changeKeyset(
    id: string,
    states: readonly KeysetState[],
    changes: KeysetChanges,
    claim?: string,
  ): Promise<KeysetRow | undefined> {
    return this.#change('keysets', { id, states, claim }, changes, () => this.#keyset(id));
  }

  async removeKeyset(id: string): Promise<void> {
    this.#db.run('delete from keysets where id = ?', id);
  }

  async addPart(owner: string, sha256: string, bytes: number): Promise<void> {
    this.#db.run('insert or ignore into parts (owner, sha256, bytes) values (?, ?, ?)', owner, sha256, bytes);
  }

  async partsAmong(owner: string, sha256: readonly string[]): Promise<Map<string, number>> {
    const found = new Map<string, number>();
    for (let at = 0; at < sha256.length; at += batch) {
      const some = sha256.slice(at, at + batch);
      const sql = `select sha256, bytes from parts where owner = ? and sha256 in (${marks(some.length)})`;
      for (const row of this.#db.all<{ sha256: string; bytes: number }>(sql, owner, ...some))
        found.set(row.sha256, row.bytes);
    }
    return found;
  }

  async partsOf(owner: string): Promise<string[]> {
    // In one row: taking each of 150,000 from the driver would be most of a start.
    const sql = "select group_concat(sha256, ' ') as list from parts where owner = ?";
    return this.#db.get<{ list: string | null }>(sql, owner)?.list?.split(' ') ?? [];
  }

  async removeParts(owner: string, sha256: readonly string[]): Promise<void> {
    this.#db.transaction(() => {
      for (const one of sha256) this.#db.run('delete from parts where owner = ? and sha256 = ?', owner, one);
    });
  }

  async bytesOf(whose: { readonly owner: string } | { readonly kind: OwnerRow['kind'] }): Promise<number> {
    const [sql, value] =
      'owner' in whose
        ? ['select sum(bytes) as bytes from parts where owner = ?', whose.owner]
        : ['select sum(bytes) as bytes from parts where owner in (select id from owners where kind = ?)', whose.kind];
    return this.#db.get<{ bytes: number | null }>(sql, value)?.bytes ?? 0;
  }

  async addJob(job: JobRow, day: string): Promise<void> {
    const {
      id,
      owner,
      program,
      keyset,
      input,
      state,
      reason,
      submitted,
      finished,
      attempts,
      claim,
      event,
      cpuSeconds,
    } = job;
    this.#db.transaction(() => {
      this.#db.run('delete from jobs where id = ?', id);
      const sql = `insert into jobs (${jobColumns}) values (${markedBy(jobColumns)})`;
      this.#db.run(sql, id, owner, program, keyset, input, state, reason, submitted, finished, attempts, claim, event, cpuSeconds); // biome-ignore format: the columns
      this.#spend(owner, day, cpuSeconds);
    });
  }

  async job(id: string): Promise<JobRow | undefined> {
    return this.#job(id);
  }

  async jobs(of: {
    readonly owner?: string;
    readonly keyset?: string;
    readonly states?: readonly StoredJobState[];
  }): Promise<JobRow[]> {
    const { owner, keyset, states } = of;
    const conditions = [
      ...(owner === undefined ? [] : ['owner = ?']),
      ...(keyset === undefined ? [] : ['keyset = ?']),
      ...(states === undefined ? [] : [`state in (${states.map((state) => `'${state}'`).join(', ')})`]),
    ];
    const where = conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`;
    const values = [owner, keyset].filter((value) => value !== undefined);
    return this.#db.all(`select ${jobColumns} from jobs ${where} order by place`, ...values);
  }

  async changeJob(
    id: string,
    states: readonly StoredJobState[],
    changes: JobChanges,
    claim?: string,
  ): Promise<JobRow | undefined> {
    return this.#change('jobs', { id, states, claim }, changes, () => this.#job(id), ', event = event + 1');
  }

  async removeJob(id: string): Promise<void> {
    this.#db.run('delete from jobs where id = ?', id);
  }

  async spent(owner: string, day: string): Promise<number> {
    const sql = 'select cpuSeconds from spent where owner = ? and day = ?';
    return this.#db.get<{ cpuSeconds: number }>(sql, owner, day)?.cpuSeconds ?? 0;
  }

  async spend(owner: string, day: string, cpuSeconds: number): Promise<void> {
    this.#db.transaction(() => this.#spend(owner, day, cpuSeconds));
  }

  async addPrograms(programs: readonly ProgramRow[]): Promise<void> {
    this.#db.transaction(() => {
      for (const { digest, name, task } of programs)
        this.#db.run('insert or replace into programs (digest, name, task) values (?, ?, ?)', digest, name, task);
    });
  }

  async program(digest: string): Promise<ProgramRow | undefined> {
    return this.#row('select digest, name, task from programs where digest = ?', digest);
  }

  async counts(): ReturnType<Rows['counts']> {
    const byState = (table: string) => {
      const rows = this.#db.all<{ state: string; n: number }>(`select state, count(*) as n from ${table} group by state`); // biome-ignore format: short
      return Object.fromEntries(rows.map(({ state, n }) => [state, n]));
    };
    const [{ n: owners, bytes }] = this.#db.all<{ n: number; bytes: number }>(
      'select (select count(*) from owners) as n, (select coalesce(sum(bytes), 0) from parts) as bytes',
    ) as [{ n: number; bytes: number }];
    return { owners, keysets: byState('keysets'), jobs: byState('jobs'), bytes };
  }

  close(): void {
    this.#db.close();
  }

  #keyset(id: string): KeysetRow | undefined {
    return this.#row(`select ${keysetColumns} from keysets where id = ?`, id);
  }

  #job(id: string): JobRow | undefined {
    return this.#row(`select ${jobColumns} from jobs where id = ?`, id);
  }

  /** Without what the driver adds to a single row. */
  #row<T>(sql: string, value: string): T | undefined {
    return this.#db.all<T>(sql, value)[0];
  }

  #spend(owner: string, day: string, cpuSeconds: number): void {
    // Days of before tell nothing any more.
    this.#db.run('delete from spent where owner = ? and day < ?', owner, day);
    const sql = `insert into spent (owner, day, cpuSeconds) values (?1, ?2, max(0, ?3))
      on conflict (owner, day) do update set cpuSeconds = max(0, cpuSeconds + ?3)`;
    this.#db.run(sql, owner, day, cpuSeconds);
  }

  #change<T>(
    table: 'keysets' | 'jobs',
    {
      id,
      states,
      claim,
    }: { readonly id: string; readonly states: readonly string[]; readonly claim: string | undefined },
    changes: object,
    read: () => T | undefined,
    also = '',
  ): T | undefined {
    const columns = Object.entries(changes).filter(([, value]) => value !== undefined);
    const sets = columns.map(([column]) => `${column} = ?`).join(', ');
    const whose = claim === undefined ? '' : ' and claim = ?';
    const sql = `update ${table} set ${sets}${also} where id = ? and state in (${marks(states.length)})${whose}`;
    return this.#db.transaction(() => {
      const values = columns.map(([, value]) => value as string | number | null);
      const where = [id, ...states, ...(claim === undefined ? [] : [claim])];
      return this.#db.run(sql, ...values, ...where) === 0 ? undefined : read();
    });
  }
}

/** Rows of a data folder. @throws StartError where they cannot be opened */
export function openRows(path: string): SqliteRows {
  try {
    return SqliteRows.open(path);
  } catch (cause) {
    if (cause instanceof StartError) throw cause;
    const why =
      isSqlite(cause, 'SQLITE_NOTADB') || isSqlite(cause, 'SQLITE_CORRUPT') ? 'it is damaged' : messageOf(cause);
    throw new StartError(`cannot use ${path}: ${why}; restore it from a backup, or choose another folder`, { cause });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
