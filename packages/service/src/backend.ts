import type { Files, WorkFiles } from './store/files.ts';
import type { Room } from './store/room.ts';
import type { Rows } from './store/rows.ts';
import type { Turns } from './store/turns.ts';
import type { Stores } from './tasks.ts';
import type { WorkQueue } from './worker/scheduler.ts';

/** What a service stands on: one machine's folder (local.ts), or what several machines share (shared/backend.ts). */
export interface Backend {
  readonly rows: Rows;
  readonly files: Files;
  readonly turns: Turns;
  /** Of the disk that bodies arrive on. */
  readonly room: Room;
  readonly work: WorkFiles;
  /** Whether the keys lie on that disk too, and have to fit. */
  readonly keepsParts: boolean;
  /** Takes up what was left by whoever ran before, and opens the queue. Called once. */
  start(stores: Stores, hears: QueueHears): Promise<WorkQueue>;
  /** Removes bytes that nobody's rows name, where that is to be done now and then. */
  sweep(stores: Stores): Promise<void>;
  close(): Promise<void>;
}

export interface QueueHears {
  /** The place, the progress or the end of a task; undefined: of any. */
  readonly onChange: (id: string | undefined) => void;
  /** Something went wrong that no owner can see. */
  readonly onFault: (what: string, error: unknown) => void;
}
