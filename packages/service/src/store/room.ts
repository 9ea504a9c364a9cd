import { diskSpace } from '@cipherformer/ckks/durable';
import { Problem } from '../problem.ts';
import { isSqlite } from './database.ts';

/** Left free for results and for the rest of the machine: a tenth of the disk, at most this. */
const maxReserveBytes = 2 ** 30;

export type DiskSpace = (directory: string) => Promise<{ totalBytes: number; freeBytes: number }>;

/** What the disk can still take, less what is being written now. */
export class Room {
  readonly #directory: string;
  readonly #space: DiskSpace;
  #promisedBytes = 0;

  constructor(directory: string, space: DiskSpace = diskSpace) {
    this.#directory = directory;
    this.#space = space;
  }

  /** Whether this many bytes fit beside what is promised to others. @throws Problem 'no-room' where they do not */
  async check(bytes: number): Promise<void> {
    (await this.promise(bytes))[Symbol.dispose]();
  }

  /** Holds room for a body that is about to be read, until disposed. @throws as `check` */
  async promise(bytes: number): Promise<Disposable> {
    const { totalBytes, freeBytes } = await this.#space(this.#directory);
    // Nothing waits from here on: of many that ask at once each sees what was promised to those before.
    const free = Math.max(0, freeBytes - this.#promisedBytes - Math.min(totalBytes / 10, maxReserveBytes));
    if (bytes > free) throw noRoom(bytes, Math.floor(free));
    this.#promisedBytes += bytes;
    return {
      [Symbol.dispose]: () => {
        this.#promisedBytes -= bytes;
      },
    };
  }
}

export function noRoom(needed?: number, free?: number): Problem {
  return new Problem(
    'no-room',
    `the disk of the service has no room${needed === undefined ? '' : ` for ${needed} bytes: ${free} are free`}`,
    'delete key sets or jobs that are not needed, or make room on the disk, then send the same again: what was acknowledged is kept',
    needed === undefined ? {} : { needed, free },
  );
}

/** Whether the file system, or SQLite on it, says that it is full. */
export function isDiskFull(error: unknown): boolean {
  return isOf(error, ['ENOSPC', 'EDQUOT', 'EFBIG']) || isSqlite(error, 'SQLITE_FULL');
}

/** Whether it takes no changes now: it is full, was made read-only, or fails. */
export function cannotWrite(error: unknown): boolean {
  const isBroken = isOf(error, ['EROFS', 'EIO']) || isSqlite(error, 'SQLITE_READONLY') || isSqlite(error, 'SQLITE_IOERR'); // biome-ignore format: short
  return isBroken || isDiskFull(error);
}

function isOf(error: unknown, codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
