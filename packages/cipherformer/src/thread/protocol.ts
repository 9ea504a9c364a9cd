import type { OnProgress, Progress } from '@cipherformer/base';

// What a thread and whoever started it say to each other: calls, each with a number, and what belongs to them.

/** To the thread. */
export type ToThread =
  | { readonly type: 'call'; readonly call: number; readonly method: string; readonly argument: unknown }
  /** What `pull` asked for: the next item, or that there is none, or that taking it failed. */
  | { readonly type: 'item'; readonly call: number; readonly item: unknown }
  | { readonly type: 'end'; readonly call: number; readonly failed: boolean }
  | { readonly type: 'abort'; readonly call: number };

/** From the thread. */
export type FromThread =
  | { readonly type: 'progress'; readonly call: number; readonly progress: Progress }
  | { readonly type: 'pull'; readonly call: number }
  | { readonly type: 'done'; readonly call: number; readonly value: unknown }
  | { readonly type: 'failed'; readonly call: number; readonly error: SentError };

/** An error between threads: what is cloned of one loses its code and hint. */
export interface SentError {
  readonly error: unknown;
  readonly facts: { readonly name: string; readonly code: string; readonly hint: string } | undefined;
}

/** What a method of a thread works with, besides its argument. */
export interface CallContext {
  readonly progress: OnProgress;
  readonly signal: AbortSignal;
  /** The items that the caller gives, each when it is asked for. */
  readonly items: AsyncIterable<unknown>;
}

/** What a thread does, by name. Values that it gives are cloned. */
export type Methods = Readonly<Record<string, (argument: never, context: CallContext) => Promise<unknown>>>;
