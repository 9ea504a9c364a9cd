import type { Question } from '@cipherformer/client/browser';
import type { ClearNews, ClearOrder } from './messages.ts';

/** The page's end of the line to the worker that computes in clear, which is started with the first question to it. */
export class ClearModel {
  readonly #service: string;
  readonly #waiting = new Map<number, (news: ClearNews) => void>();
  #worker: Worker | undefined;
  #calls = 0;

  constructor(service: string) {
    this.#service = service;
  }

  /** What the model says, and says of itself; neither where it is not given away. */
  ask(program: string, question?: Question): Promise<ClearNews> {
    const call = ++this.#calls;
    const order: ClearOrder = {
      call,
      service: this.#service,
      program,
      ...(question === undefined ? {} : { question }),
    };
    return new Promise((resolve) => {
      this.#waiting.set(call, resolve);
      this.#started().postMessage(order);
    });
  }

  #started(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data }: MessageEvent<ClearNews>) => {
      this.#waiting.get(data.call)?.(data);
      this.#waiting.delete(data.call);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      for (const [call, tell] of this.#waiting)
        tell({ call, failed: 'the part of this page that computes in clear did not start' });
      this.#waiting.clear();
      this.#worker = undefined;
    };
    this.#worker = worker;
    return worker;
  }
}
