import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StartError } from '../problem.ts';

/**
 * Makes this process the only service of a data folder, until disposed or until it ends: a second one would sweep away
 * what the first is writing. Throws StartError while another process holds it.
 */
export function lockFolder(folder: string): Disposable {
  const path = join(folder, 'lock');
  for (let tries = 0; ; tries++) {
    try {
      writeFileSync(path, `${process.pid}\n`, { flag: 'wx' });
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

function isAlive(pid: number): boolean {
  // A lock that a crash left empty names nobody.
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
