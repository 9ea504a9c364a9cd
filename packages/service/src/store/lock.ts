import { join } from 'node:path';
import { StartError } from '../problem.ts';
import { Database, isSqlite } from './database.ts';

/**
 * Makes this process the only service of a data folder, until disposed or until it ends, however that comes: a second one
 * would sweep away what the first is writing. The system holds the lock (SQLite asks for it), so it also tells apart
 * processes of two containers, and nothing stale stays behind.
 * @throws StartError while another one holds it
 */
export function lockFolder(folder: string): Disposable {
  const path = join(folder, 'lock.db');
  let db: Database | undefined;
  try {
    db = new Database(path, { busyMs: 0, isLock: true });
    db.lock();
    const held = db;
    return { [Symbol.dispose]: () => held.close() };
  } catch (cause) {
    db?.close();
    if (!isSqlite(cause, 'SQLITE_BUSY') && !isSqlite(cause, 'SQLITE_LOCKED')) throw cause;
    throw new StartError(`the folder ${folder} is in use by another service: stop that one, or choose another folder`, {
      cause,
    });
  }
}
