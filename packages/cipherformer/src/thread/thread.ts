import { Worker } from 'node:worker_threads';
import { CipherformerError, type OnProgress, UsageError } from '@cipherformer/base';
import { buffersIn, type FromThread, receivedError, sentError, type ToThread } from './protocol.ts';

/** A thread that has ended by itself: it ran out of memory, or crashed. */
export class ThreadError extends CipherformerError {
  override readonly name = 'ThreadError';
  override readonly code = 'worker-died';
}

export interface CallOptions {
  readonly progress?: OnProgress | undefined;
  /** Asks the thread to stop, which it does between steps of its work. */
  readonly signal?: AbortSignal | undefined;
  /** Items for the thread, each taken when it asks for one, cloned. */
  readonly items?: AsyncIterator<unknown>;
  /** Memory that is handed over with the argument, not copied. */
  readonly transfer?: readonly ArrayBuffer[];
}

interface Call extends Pick<CallOptions, 'progress' | 'items'> {
  resolve(value: unknown): void;
  reject(error: unknown): void;
  /** What the call is to end with, in place of what the thread says. */
  stopped?: { readonly reason: unknown };
}

/** A worker thread that is called by the names of its methods. It does not keep the process alive but for calls under way. */
export class Thread {
  readonly #worker: Worker;
  readonly #answer: (question: unknown) => Promise<unknown>;
  readonly #calls = new Map<number, Call>();
  readonly #ended: Promise<void>;
  #number = 0;
  #death: ThreadError | undefined;

  /**
   * @param file what it runs: `serveCalls`
   * @param answer answers what the thread asks of its own
   */
  constructor(file: URL, answer: (question: unknown) => Promise<unknown> = async () => {}) {
    this.#answer = answer;
    // Loaders and conditions of the caller's process are none of it.
    this.#worker = new Worker(file, { execArgv: [] });
    this.#worker.unref();
    this.#worker.on('message', (message: FromThread) => this.#hear(message));
    this.#ended = new Promise((resolve) => {
      this.#worker.once('error', (error) => this.#die(`failed: ${error.message}`));
      this.#worker.once('exit', (code) => {
        this.#die(`ended by itself (code ${code})`);
        resolve();
      });
    });
  }

  /**
   * Has a method do its work.
   * @param argument cloned
   * @throws what the method throws, with its code and hint; the signal's reason; what `progress` and `items` throw, when the
   * thread has stopped; UsageError for an argument that cannot be cloned; ThreadError where it died
   */
  call(method: string, argument: unknown, { signal, transfer, ...options }: CallOptions = {}): Promise<unknown> {
    if (this.#death) return Promise.reject(this.#death);
    if (signal?.aborted) return Promise.reject(signal.reason);
    const number = ++this.#number;
    return new Promise((resolve, reject) => {
      const abort = () => this.#stop(number, signal!.reason);
      const settle = <T>(end: (value: T) => void) => (value: T) => {
        signal?.removeEventListener('abort', abort);
        this.#calls.delete(number);
        if (this.#calls.size === 0) this.#worker.unref();
        end(value);
      };
      this.#calls.set(number, { ...options, resolve: settle(resolve), reject: settle(reject) });
      this.#worker.ref();
      signal?.addEventListener('abort', abort);
      try {
        this.#send({ type: 'call', call: number, method, argument }, transfer);
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : cause;
        this.#calls.get(number)!.reject(new UsageError(`this cannot be handed to a thread: ${why}`, { cause }));
      }
    }); // biome-ignore format: short
  }

  /** Ends the thread at once; calls under way are rejected. */
  async end(): Promise<void> {
    this.#death ??= new ThreadError('the thread was ended, and what it did with it');
    await this.#worker.terminate();
    await this.#ended;
  }

  #hear(message: FromThread): void {
    if (message.type === 'question') return void this.#reply(message.question, message.asked);
    const call = this.#calls.get(message.call);
    if (!call) return;
    switch (message.type) {
      case 'progress':
        if (call.stopped) return;
        try {
          call.progress?.(message.progress);
        } catch (error) {
          this.#stop(message.call, error);
        }
        return;
      case 'pull':
        void this.#give(message.call, call);
        return;
      case 'done':
        call.resolve(message.value);
        return;
      case 'failed':
        call.reject(call.stopped ? call.stopped.reason : receivedError(message.error));
    }
  }

  async #give(number: number, { items }: Call): Promise<void> {
    try {
      const { done = true, value } = (await items?.next()) ?? {};
      this.#send(done ? { type: 'end', call: number, failed: false } : { type: 'item', call: number, item: value });
    } catch (error) {
      this.#stop(number, error);
      this.#send({ type: 'end', call: number, failed: true });
    }
  }

  async #reply(question: number, asked: unknown): Promise<void> {
    try {
      const value = await this.#answer(asked);
      this.#send({ type: 'answer', question, value }, buffersIn(value));
    } catch (error) {
      this.#send({ type: 'no-answer', question, error: sentError(error) });
    }
  }

  #stop(number: number, reason: unknown): void {
    const call = this.#calls.get(number);
    if (!call) return;
    call.stopped ??= { reason };
    this.#send({ type: 'abort', call: number });
  }

  #send(message: ToThread, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #die(how: string): void {
    this.#death ??= new ThreadError(`the thread ${how}, and with it what it held: open that again`);
    for (const call of [...this.#calls.values()]) call.reject(this.#death);
  }
}
