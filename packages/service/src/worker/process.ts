import type { ChildProcess } from 'node:child_process';
import type { OnProgress } from '@cipherformer/base';
import type { EngineProgress } from './engine.ts';
import { type Assignment, fromWorker, type ToWorker } from './messages.ts';

/** How a task ended. `died`: the process did, whatever the task. */
export type Outcome =
  | { readonly type: 'done'; readonly loaded: readonly string[] }
  | { readonly type: 'failed'; readonly reason: string; readonly loaded: readonly string[] }
  | { readonly type: 'died'; readonly reason: string };

/** A worker process, from the service's side. One task at a time. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<string>;
  #alive = true;
  #task = 0;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      const end = (reason: string) => {
        this.#alive = false;
        resolve(reason);
      };
      child.once('error', (error) => end(`the worker process could not be started or reached: ${error.message}`));
      child.once('exit', (code, signal) => end(`the worker process ended by ${signal ?? `itself with code ${code}`}`));
    });
  }

  get alive(): boolean {
    return this.#alive;
  }

  /**
   * Sends a task and waits for its end.
   * @param signal asks the worker to stop; when it has not after `graceMs`, the process is killed
   */
  async perform(
    task: Assignment,
    options: { signal: AbortSignal; graceMs: number; progress: OnProgress<EngineProgress> },
  ): Promise<Outcome> {
    const number = ++this.#task;
    const { signal } = options;
    let timer: NodeJS.Timeout | undefined;
    const cancel = () => {
      this.#send({ type: 'cancel', task: number });
      timer = setTimeout(() => this.#child.kill('SIGKILL'), options.graceMs);
    };
    let listener: (message: unknown) => void = () => {};
    const answered = new Promise<Outcome>((resolve) => {
      listener = (received) => {
        const parsed = fromWorker.safeParse(received);
        if (!parsed.success) {
          // Nothing that it says can be trusted any more.
          this.#child.kill('SIGKILL');
          return;
        }
        const message = parsed.data;
        if (message.task !== number) return;
        if (message.type === 'progress') options.progress(message);
        else resolve(message);
      };
    });
    this.#child.on('message', listener);
    signal.addEventListener('abort', cancel, { once: true });
    try {
      this.#send({ ...task, task: number });
      if (signal.aborted) cancel();
      return await Promise.race([answered, this.#ended.then((reason) => ({ type: 'died', reason }) as const)]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', cancel);
      this.#child.off('message', listener);
    }
  }

  /** A key set is gone: its keys leave the memory, after the task that it is at. */
  forget(keyset: string): void {
    this.#send({ type: 'forget', keyset });
  }

  /** Ends the process: by closing its channel, then by force. */
  async stop(graceMs: number): Promise<void> {
    if (!this.#alive) return;
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), graceMs);
    await this.#ended;
    clearTimeout(timer);
  }

  #send(message: ToWorker): void {
    // A process that is ending says so by 'exit'; that it cannot be reached is no other fault.
    if (this.#alive && this.#child.connected) this.#child.send(message, () => {});
  }
}
