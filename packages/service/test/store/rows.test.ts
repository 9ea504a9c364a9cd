// Rows in SQLite, and what stands on them. Those in Redis: test/shared.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { Database } from '../../src/store/database.ts';
import { openRows, type SqliteRows } from '../../src/store/sqlite.ts';
import { claimsContract } from '../claims-contract.ts';
import { workspace } from '../support.ts';
import { rowsContract } from './rows-contract.ts';

const folder = mkdtempSync(join(tmpdir(), 'rows-'));
const place = workspace();
let opened: SqliteRows | undefined;
let count = 0;
const open = async () => {
  opened = openRows(join(folder, `${count++}.db`));
  return opened;
};
afterEach(() => opened?.close());
afterAll(() => {
  rmSync(folder, { recursive: true });
  place.dispose();
});

describe('rows in SQLite', () => {
  rowsContract(open);

  it('of version 1, which had no tries by name, are taken up as they are', async () => {
    const path = join(folder, 'version-1.db');
    openRows(path).close();
    const before = new Database(path);
    before.create('alter table keysets drop column claim; alter table jobs drop column claim;', 1);
    before.run("insert into owners (id, kind, created) values ('a', 'token', 1)");
    before.run(
      "insert into jobs (id, owner, program, keyset, input, state, submitted, attempts, event, cpuSeconds) values ('j', 'a', 'p', 'k', 'i', 'queued', 1, 0, 1, 2)",
    );
    before.close();
    opened = openRows(path);
    expect(await opened.job('j')).toMatchObject({ id: 'j', state: 'queued', claim: null });
    expect(await opened.changeJob('j', ['queued'], { state: 'running', claim: 'one' })).toMatchObject({ claim: 'one' });
    opened.close();
    opened = openRows(path);
    expect((await opened.job('j'))?.claim).toBe('one');
  });
});

describe('two workers at one task, rows in SQLite', () => claimsContract(open, place));
