import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasNoHardLinks, partialSuffix } from '@cipherformer/ckks/durable';
import { StartError } from '../problem.ts';

/**
 * Makes this process the only service of a data folder, until disposed or until it ends: a second one would sweep away
 * what the first is writing.
 * @throws StartError while another process holds it
 */
export function lockFolder(folder: string): Disposable {
  const path = join(folder, 'lock');
  for (let tries = 0; ; tries++) {
    try {
      writeNew(path, `${process.pid}\n`);
      return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    const holder = Number.parseInt(readFileSync(path, 'utf8'), 10);
    // In a container every process may have the number that the one before it had.
    if (tries > 0 || (holder !== process.pid && isAlive(holder))) {
      throw new StartError(
        `the folder ${folder} is in use by process ${holder}: stop it or choose another folder; ` +
          `if that process is no service of Cipherformer, remove ${path}`,
      );
    }
    rmSync(path, { force: true });
  }
}

/**
 * Writes a file that has its text from its first moment: an empty lock would be taken for stale.
 * @throws EEXIST where the name is taken
 */
function writeNew(path: string, text: string): void {
  const partial = `${path}.${randomUUID()}${partialSuffix}`;
  try {
    writeFileSync(partial, text, { flag: 'wx' });
    linkSync(partial, path);
  } catch (error) {
    if (!hasNoHardLinks(error)) throw error;
    writeFileSync(path, text, { flag: 'wx' });
  } finally {
    rmSync(partial, { force: true });
  }
}

function isAlive(pid: number): boolean {
  // A lock that a crash left empty, on a disk without hard links, names nobody.
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
