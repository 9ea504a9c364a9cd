import type { VerdictCounts } from '@cipherformer/runtime/client';
import type { ProgramChange } from '../errors.ts';
import { BrowserError, errorOf } from './failure.ts';
import type { AllowAbout, CallName, Given, Gives, News, Order, QuestionProgress } from './messages.ts';

export interface CallOptions {
  readonly progress?: (progress: QuestionProgress) => void;
  readonly signal?: AbortSignal | undefined;
}

/** What the worker asks and tells by itself. */
export interface WorkerEvents {
  allowMore(counts: VerdictCounts, step: number): boolean | Promise<boolean>;
  allowChange(change: ProgramChange): boolean | Promise<boolean>;
  deleted(): void;
}

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
  readonly progress?: CallOptions['progress'];
}

/** The page's end of the line to the worker with the secret key: a promise for each call. */
export class WorkerCalls {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #events: WorkerEvents;
  #calls = 0;
  #dead: unknown;

  constructor(worker: Worker, events: WorkerEvents) {
    this.#worker = worker;
    this.#events = events;
    worker.onmessage = ({ data }: MessageEvent<News>) => this.#hear(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.end(
        new BrowserError('the part of this page that holds the key did not start, or was stopped by the browser', {
          hint: 'load the page again; if that does not help, the browser is too old, or the page’s policy forbids its code',
        }),
      );
    };
  }

  /** @throws ClientError for what went wrong there; the signal's reason */
  async call<Name extends CallName>(name: Name, given: Given<Name>, options: CallOptions = {}): Promise<Gives<Name>> {
    const { signal, progress } = options;
    signal?.throwIfAborted();
    if (this.#dead !== undefined) throw this.#dead;
    const call = ++this.#calls;
    const stop = () => this.#send({ type: 'stop', call });
    signal?.addEventListener('abort', stop);
    try {
      return await new Promise<Gives<Name>>((resolve, reject) => {
        this.#waiting.set(call, { resolve, reject, progress });
        this.#send({ type: 'call', call, name, given } as Order);
      });
    } catch (error) {
      throw signal?.aborted ? signal.reason : error;
    } finally {
      signal?.removeEventListener('abort', stop);
      this.#waiting.delete(call);
    }
  }

  /** Ends the worker, and what waits for it. */
  end(reason: unknown): void {
    this.#dead ??= reason;
    for (const { reject } of this.#waiting.values()) reject(this.#dead);
    this.#worker.terminate();
  }

  #send(order: Order): void {
    this.#worker.postMessage(order);
  }

  #hear(news: News): void {
    switch (news.type) {
      case 'done':
        this.#waiting.get(news.call)?.resolve(news.value as never);
        break;
      case 'failed':
        this.#waiting.get(news.call)?.reject(errorOf(news.failure));
        break;
      case 'progress':
        this.#waiting.get(news.call)?.progress?.(news.progress);
        break;
      case 'allow?':
        void this.#allow(news.question, news.about);
        break;
      case 'deleted':
        this.#events.deleted();
    }
  }

  async #allow(question: number, about: AllowAbout): Promise<void> {
    let yes = false;
    try {
      yes =
        about.what === 'more'
          ? await this.#events.allowMore(about.counts, about.step)
          : await this.#events.allowChange(about.change);
    } finally {
      this.#send({ type: 'allow', question, yes });
    }
  }
}
