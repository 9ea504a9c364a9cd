import {
  type Ask,
  buffersIn,
  type FromThread,
  type Methods,
  receivedError,
  sentError,
  type ToThread,
} from './protocol.ts';

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

interface Asked {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** Answers calls in a thread, each at once: whoever calls sees to their order. */
export function serveCalls(port: Port, methodsOf: (ask: Ask) => Methods): void {
  const running = new Map<number, Running>();
  const asked = new Map<number, Asked>();
  let questions = 0;
  const ask: Ask = (question) =>
    new Promise((resolve, reject) => {
      const number = ++questions;
      asked.set(number, { resolve, reject });
      port.postMessage({ type: 'question', question: number, asked: question }, buffersIn(question));
    });
  const methods = methodsOf(ask);
  port.on('message', (message) => {
    if (message.type === 'call') return void perform(message);
    if (message.type === 'answer' || message.type === 'no-answer') {
      const one = asked.get(message.question)!;
      asked.delete(message.question);
      return message.type === 'answer' ? one.resolve(message.value) : one.reject(receivedError(message.error));
    }
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
      port.postMessage({ type: 'done', call, value }, buffersIn(value));
    } catch (error) {
      port.postMessage({ type: 'failed', call, error: sentError(error) });
    } finally {
      running.delete(call);
    }
  }
}
