import { Mutex } from '@cipherformer/base';
import type { OnFaultPoint } from '../faults.ts';
import type { Limits } from '../limits.ts';
import type { Files } from './files.ts';
import type { Rows } from './rows.ts';

/** What all stores of a service share. */
export interface StoreContext {
  readonly rows: Rows;
  readonly files: Files;
  readonly limits: Limits;
  /** Changes of rows with files are made one at a time. */
  readonly mutex: Mutex;
  /** Milliseconds since 1970. Nothing but expiry depends on it: a clock that is set back only lets things live longer. */
  readonly now: () => number;
  readonly at: OnFaultPoint;
}

export function storeContext(options: Omit<StoreContext, 'mutex'>): StoreContext {
  return { ...options, mutex: new Mutex() };
}

export const isoTime = (time: number): string => new Date(time).toISOString();
