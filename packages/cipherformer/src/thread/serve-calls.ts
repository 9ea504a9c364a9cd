import { isCipherformerError } from '@cipherformer/base';
import type { FromThread, Methods, SentError, ToThread } from './protocol.ts';

/** The end of a channel that a thread is called by. */
interface Port {
  postMessage(message: FromThread, transfer?: readonly ArrayBuffer[]): void;
  on(event: 'message', listener: (message: ToThread) => void): unknown;
}

/** What of a call that runs the caller may still say. */
interface Running {
  readonly stop: AbortController;
  give(item: IteratorResult<unknown>): void;
  fail(): void;
}

/** Answers calls in a thread, each at once: whoever calls sees to their order. */
export function serveCalls(port: Port, methods: Methods): void {
  const running = new Map<number, Running>();
  port.on('message', (message) => {
    if (message.type === 'call') return void perform(message);
    const call = running.get(message.call);
    if (message.type === 'abort') call?.stop.abort();
    else if (message.type === 'item') call?.give({ done: false, value: message.item });
    else if (message.failed) call?.fail();
    else call?.give({ done: true, value: undefined });
  });

  async function perform({ call, method, argument }: ToThread & { type: 'call' }): Promise<void> {
    const stop = new AbortController();
    let waiting: { resolve(item: IteratorResult<unknown>): void; reject(error: unknown): void } | undefined;
    running.set(call, {
      stop,
      give: (item) => waiting?.resolve(item),
      fail: () => waiting?.reject(new Error('the caller could give no more')),
    });
    const next = () =>
      new Promise<IteratorResult<unknown>>((resolve, reject) => {
        waiting = { resolve, reject };
        port.postMessage({ type: 'pull', call });
      });
    try {
      const value = await methods[method]!(argument as never, {
        signal: stop.signal,
        progress: (progress) => port.postMessage({ type: 'progress', call, progress }),
        items: { [Symbol.asyncIterator]: () => ({ next }) },
      });
      port.postMessage({ type: 'done', call, value }, value instanceof Uint8Array ? [value.buffer as ArrayBuffer] : []);
    } catch (error) {
      port.postMessage({ type: 'failed', call, error: sent(error) });
    } finally {
      running.delete(call);
    }
  }
}

function sent(error: unknown): SentError {
  const facts = isCipherformerError(error) ? { name: error.name, code: error.code, hint: error.hint } : undefined;
  return { error: error instanceof Error ? error : String(error), facts };
}
