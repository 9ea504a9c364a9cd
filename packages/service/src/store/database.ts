import Libsql from 'libsql';

type Value = string | number | null;

/** How long a statement waits for another process that writes: `token add` beside a service. */
const defaultBusyMs = 5000;

/** An SQLite file. A transaction is on the disk when it returns; statements are prepared once. */
export class Database {
  readonly #db: Libsql.Database;
  readonly #statements = new Map<string, Libsql.Statement>();

  /** @param isLock holds a lock, and no rows */
  constructor(path: string, { busyMs = defaultBusyMs, isLock = false } = {}) {
    this.#db = new Libsql(path);
    try {
      this.#db.pragma(`busy_timeout = ${busyMs}`);
      if (isLock) return;
      this.#db.pragma('journal_mode = WAL');
      // Without this a commit may be lost with the power, though the file stays whole.
      this.#db.pragma('synchronous = FULL');
      this.#db.pragma('foreign_keys = ON');
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  get version(): number {
    const [row] = this.#db.pragma('user_version') as [{ user_version: number }];
    return row.user_version;
  }

  /** Makes or changes tables, all or none. */
  create(schema: string, version: number): void {
    this.transaction(() => {
      this.#db.exec(schema);
      this.#db.pragma(`user_version = ${version}`);
    });
  }

  all<T>(sql: string, ...values: readonly Value[]): T[] {
    return this.#prepared(sql).all(...values) as T[];
  }

  get<T>(sql: string, ...values: readonly Value[]): T | undefined {
    return this.#prepared(sql).get(...values) as T | undefined;
  }

  /** How many rows it changed. */
  run(sql: string, ...values: readonly Value[]): number {
    return this.#prepared(sql).run(...values).changes;
  }

  transaction<T>(work: () => T): T {
    this.#db.exec('begin immediate');
    try {
      const result = work();
      this.#db.exec('commit');
      return result;
    } catch (error) {
      // A full disk has undone it already.
      if (this.#db.inTransaction) this.#db.exec('rollback');
      throw error;
    }
  }

  /** Keeps all others out until it is closed, or the process ends. */
  lock(): void {
    this.#db.exec('begin exclusive');
  }

  close(): void {
    this.#statements.clear();
    if (this.#db.inTransaction) this.#db.exec('rollback');
    this.#db.close();
  }

  #prepared(sql: string): Libsql.Statement {
    const statement = this.#statements.get(sql) ?? this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

/** Whether an error is one of SQLite, with this code or one of its kind: SQLITE_FULL, SQLITE_BUSY. */
export function isSqlite(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith(code);
}
