// Rows in SQLite. Those in Redis: test/shared.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe } from 'vitest';
import { openRows, type SqliteRows } from '../../src/store/sqlite.ts';
import { rowsContract } from './rows-contract.ts';

const folder = mkdtempSync(join(tmpdir(), 'rows-'));
let opened: SqliteRows | undefined;
let count = 0;
afterEach(() => opened?.close());
afterAll(() => rmSync(folder, { recursive: true }));

describe('rows in SQLite', () => {
  rowsContract(async () => {
    opened = openRows(join(folder, `${count++}.db`));
    return opened;
  });
});
