import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { Backend, QueueHears } from './backend.ts';
import { openDataFolder, rowsFile } from './store/data-folder.ts';
import { FolderFiles } from './store/folder-files.ts';
import { lockFolder } from './store/lock.ts';
import { type DiskSpace, Room } from './store/room.ts';
import type { Rows } from './store/rows.ts';
import { openRows } from './store/sqlite.ts';
import { LocalTurns, type Turns } from './store/turns.ts';
import { type Stores, tasksUnderWay } from './tasks.ts';
import { Scheduler, type WorkQueue } from './worker/scheduler.ts';

export interface LocalOptions {
  /** Folder of all that is kept. */
  readonly data: string;
  readonly spawnWorker: () => ChildProcess;
  /** How long a worker may take to stop before it is killed, in milliseconds. */
  readonly workerGraceMs: number;
  readonly diskSpace?: DiskSpace | undefined;
}

/** All of a service in a folder of one machine, with a worker process beside it. */
export class LocalBackend implements Backend {
  readonly rows: Rows;
  readonly files: FolderFiles;
  readonly work: FolderFiles;
  readonly turns: Turns = new LocalTurns();
  readonly room: Room;
  readonly keepsParts = true;
  readonly #options: LocalOptions;
  readonly #lock: Disposable;

  private constructor(options: LocalOptions, lock: Disposable, rows: Rows, files: FolderFiles) {
    this.#options = options;
    this.#lock = lock;
    this.rows = rows;
    this.files = files;
    this.work = files;
    this.room = new Room(options.data, options.diskSpace);
  }

  /** Opens a data folder, or makes it. @throws StartError; errors of the file system */
  static async open(options: LocalOptions): Promise<LocalBackend> {
    await openDataFolder(options.data);
    const lock = lockFolder(options.data);
    try {
      const files = await FolderFiles.open(options.data);
      return new LocalBackend(options, lock, openRows(join(options.data, rowsFile)), files);
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  }

  async start(stores: Stores, { onChange, onFault }: QueueHears): Promise<WorkQueue> {
    const { parts, jobs } = stores;
    await parts.sweepFiles({ lost: true });
    await jobs.sweepFiles();
    const { spawnWorker, workerGraceMs: graceMs } = this.#options;
    const queue = new Scheduler({ spawnWorker, graceMs, onChange, onFault });
    for (const task of await tasksUnderWay(stores)) {
      // A result that is there is whole: the crash came between it and the note of it.
      const row = task.kind === 'run' ? await jobs.find(task.id) : undefined;
      if (row?.state === 'running' && (await jobs.hasResult(row))) await jobs.end(row.id, 'done');
      else queue.add(task);
    }
    return queue;
  }

  /** The start has done it. */
  async sweep(): Promise<void> {}

  async close(): Promise<void> {
    this.rows.close();
    this.#lock[Symbol.dispose]();
  }
}
