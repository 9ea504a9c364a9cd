import { ConnectionLost, ServiceError } from './errors.ts';

export interface RetryOptions {
  /** Most attempts, the first included. Default 6. */
  readonly attempts?: number;
  /** Longest wait before the second attempt; it doubles with every further one. Default 500 ms. */
  readonly firstMs?: number;
  /** Longest wait. Default 15 s. */
  readonly mostMs?: number;
  /** Waited for before another attempt: a network that is there again. Rejects with the signal's reason. */
  readonly ready?: (signal: AbortSignal | undefined) => Promise<void>;
}

/**
 * Repeats what may be repeated: after a lost connection, and where the service asks to come back (429, 503). Waits a
 * random time up to a limit that doubles, so that many clients do not come back at once, and as long as was asked for.
 */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  { attempts = 6, firstMs = 500, mostMs = 15_000, ready }: RetryOptions,
  signal: AbortSignal | undefined,
): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await attempt();
    } catch (error) {
      if (tried >= attempts || !isPassing(error) || signal?.aborted) throw error;
      const jitter = Math.random() * Math.min(mostMs, firstMs * 2 ** (tried - 1));
      await pause(Math.min(mostMs, retryAfterMs(error)) + jitter, signal);
      await ready?.(signal);
    }
  }
}

/** What is asked for later than this is for its owner to ask again: a day's limit. */
const mostPatienceMs = 300_000;

/** Whether the same may succeed a little later. */
export function isPassing(error: unknown): boolean {
  if (error instanceof ConnectionLost) return true;
  return error instanceof ServiceError && [429, 503].includes(error.status) && retryAfterMs(error) <= mostPatienceMs;
}

function retryAfterMs(error: unknown): number {
  const seconds = error instanceof ServiceError ? error.fields.retryAfter : undefined;
  return typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : 0;
}

/** Waits; rejects when the signal aborts. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
  });
}
