import type { Readable } from 'node:stream';
import type { KeysetRow } from './rows.ts';

/** What is kept as files, each kind below its own name, and there below its owner. */
export type FileKind = 'parts' | 'requests' | 'results';
export const fileKinds: readonly FileKind[] = ['parts', 'requests', 'results'];

/** A body that has arrived, as a file of this machine, under a name that the next start sweeps. */
export interface Received {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** A job's files are named by it. */
export interface JobName {
  readonly owner: string;
  readonly id: string;
}

/**
 * Bytes under names. One that is there under its name is whole, and no loss of power undoes it. On one machine they are files
 * of the data folder (folder-files.ts).
 */
export interface Files {
  /** Writes what comes. Leaves nothing where it cannot. */
  receive(chunks: AsyncIterable<Uint8Array>): Promise<Received>;
  /** Gives what has arrived its name. */
  place(received: Received, kind: FileKind, owner: string, name: string): Promise<void>;
  discard(received: Received): Promise<void>;
  has(kind: FileKind, owner: string, name: string): Promise<boolean>;
  /** One that is there. */
  read(kind: FileKind, owner: string, name: string): Promise<{ readonly bytes: number; readonly stream: Readable }>;
  remove(kind: FileKind, owner: string, names: readonly string[]): Promise<void>;
  /** Names by owner of all of a kind, but those so young that their row may still come. */
  list(kind: FileKind): Promise<Map<string, string[]>>;
}

/** Files as a worker reads and writes them: by paths of its machine. */
export interface WorkFiles {
  /** The parts of a key set, in the order of their digests. */
  parts(keyset: Pick<KeysetRow, 'id' | 'owner'>, sha256: readonly string[]): Promise<string[]>;
  request(job: JobName): Promise<string>;
  /** Where its result goes. */
  resultTarget(job: JobName): Promise<string>;
  /** Keeps what a worker left there; false where it is nothing. */
  keepResult(job: JobName): Promise<boolean>;
  /** Nothing of a key set is needed any more. */
  forget(keyset: string): Promise<void>;
}
