import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDataFolder, rowsFile } from '../store/data-folder.ts';
import { Database } from '../store/database.ts';
import { jobId, keysetId } from '../store/ids.ts';
import { openRows } from '../store/sqlite.ts';
import { digestOf, format, plan, program } from './started.ts';

/** Parts of a key set as an MNIST program's has them. */
const partsOfKeyset = 150;

/** Makes the data folder of a service that has run for long: key sets that are ready and jobs that are done, of many owners. */
export async function fill(
  data: string,
  { keysets, jobs }: { readonly keysets: number; readonly jobs: number },
): Promise<void> {
  await openDataFolder(data);
  openRows(join(data, rowsFile)).close();
  const db = new Database(join(data, rowsFile));
  const now = Date.now();
  const expires = now + 30 * 24 * 3600_000;
  try {
    db.transaction(() => {
      for (let i = 0; i < keysets; i++) {
        const owner = digestOf(`owner ${i >> 2}`).slice(0, 32);
        db.run('insert or ignore into owners (id, kind, name, token, created) values (?, ?, ?, ?, ?)', owner, 'token', `owner ${i >> 2}`, digestOf(owner), now); // biome-ignore format: short
        const key = digestOf(`key ${i}`).slice(0, 32);
        const parts = Array.from({ length: partsOfKeyset }, (_, part) => digestOf(`part ${part} of ${i}`));
        const folder = join(data, 'parts', owner);
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        for (const part of parts) {
          db.run('insert into parts (owner, sha256, bytes) values (?, ?, ?)', owner, part, 8 * 2 ** 20);
          writeFileSync(join(folder, part), '');
        }
        const list = JSON.stringify({ format, version: 1, plan, key, parts });
        const columns =
          'id, owner, plan, key, format, state, created, used, expires, attempts, list, digest, parts, bytes';
        db.run(`insert into keysets (${columns}) values (?, ?, ?, ?, ?, 'ready', ?, ?, ?, 1, ?, ?, ?, ?)`, keysetId(owner, plan, key), owner, plan, key, format, now, now, expires, list, digestOf(list), parts.length, parts.length * 8 * 2 ** 20); // biome-ignore format: short
      }
      for (let i = 0; i < jobs; i++) {
        const at = i % keysets;
        const owner = digestOf(`owner ${at >> 2}`).slice(0, 32);
        const keyset = keysetId(owner, plan, digestOf(`key ${at}`).slice(0, 32));
        const input = digestOf(`input ${i}`);
        const id = jobId(owner, program, keyset, input);
        const columns = 'id, owner, program, keyset, input, state, submitted, finished, attempts, event, cpuSeconds';
        db.run(`insert into jobs (${columns}) values (?, ?, ?, ?, ?, 'done', ?, ?, 1, 3, 1)`, id, owner, program, keyset, input, now, now); // biome-ignore format: short
        for (const kind of ['requests', 'results']) {
          mkdirSync(join(data, kind, owner), { recursive: true, mode: 0o700 });
          writeFileSync(join(data, kind, owner, id), '');
        }
      }
    });
  } finally {
    db.close();
  }
}
