import type { OnFaultPoint } from '../faults.ts';
import type { Limits } from '../limits.ts';
import type { Files } from './files.ts';
import type { Rows } from './rows.ts';
import type { Turns } from './turns.ts';

/** What all stores of a service share. */
export interface StoreContext {
  readonly rows: Rows;
  readonly files: Files;
  readonly limits: Limits;
  readonly turns: Turns;
  /** Milliseconds since 1970. Nothing but expiry depends on it: a clock that is set back only lets things live longer. */
  readonly now: () => number;
  readonly at: OnFaultPoint;
}

export const isoTime = (time: number): string => new Date(time).toISOString();
