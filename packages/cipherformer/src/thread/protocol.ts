import { isCipherformerError, type OnProgress, type Progress } from '@cipherformer/base';

// What a thread and whoever started it say to each other: calls, each with a number, and what belongs to them; and questions of
// the thread's own.

/** To the thread. */
export type ToThread =
  | { readonly type: 'call'; readonly call: number; readonly method: string; readonly argument: unknown }
  /** What `pull` asked for: the next item, or that there is none, or that taking it failed. */
  | { readonly type: 'item'; readonly call: number; readonly item: unknown }
  | { readonly type: 'end'; readonly call: number; readonly failed: boolean }
  | { readonly type: 'abort'; readonly call: number }
  | { readonly type: 'answer'; readonly question: number; readonly value: unknown }
  | { readonly type: 'no-answer'; readonly question: number; readonly error: SentError };

/** From the thread. */
export type FromThread =
  | { readonly type: 'progress'; readonly call: number; readonly progress: Progress }
  | { readonly type: 'pull'; readonly call: number }
  | { readonly type: 'done'; readonly call: number; readonly value: unknown }
  | { readonly type: 'failed'; readonly call: number; readonly error: SentError }
  | { readonly type: 'question'; readonly question: number; readonly asked: unknown };

/** An error between threads: what is cloned of one loses its code and hint. */
export interface SentError {
  readonly error: unknown;
  readonly facts: { readonly name: string; readonly code: string; readonly hint: string } | undefined;
}

export function sentError(error: unknown): SentError {
  const facts = isCipherformerError(error) ? { name: error.name, code: error.code, hint: error.hint } : undefined;
  return { error: error instanceof Error ? error : String(error), facts };
}

/** The error that was sent, with what its copy has lost. */
export function receivedError({ error, facts }: SentError): unknown {
  return error instanceof Error ? Object.assign(error, facts) : error;
}

/** What a method of a thread works with, besides its argument. */
export interface CallContext {
  readonly progress: OnProgress;
  readonly signal: AbortSignal;
  /** The items that the caller gives, each when it is asked for. */
  readonly items: AsyncIterable<unknown>;
}

/** What a thread does, by name. Values that it gives are cloned; bytes among them are handed over. */
export type Methods = Readonly<Record<string, (argument: never, context: CallContext) => Promise<unknown>>>;

/** Asks whoever started the thread. @throws what answering threw */
export type Ask = (question: unknown) => Promise<unknown>;

/** The memory of the bytes and numbers in a value: handed over, not copied. */
export function buffersIn(value: unknown, found = new Set<ArrayBuffer>()): ArrayBuffer[] {
  if (ArrayBuffer.isView(value)) found.add(value.buffer as ArrayBuffer);
  else if (typeof value === 'object' && value !== null) for (const part of Object.values(value)) buffersIn(part, found);
  return [...found];
}
