import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';

/** Tells who waits for it that something about a job changed. */
export class Feed {
  /** Numbers of changes start again with every process: the name of the process keeps them apart. */
  readonly #process = randomUUID().slice(0, 8);
  readonly #changes = new Map<string, number>();
  #all = 0;
  readonly #emitter = new EventEmitter().setMaxListeners(0);

  /** @param id undefined: of any job */
  changed(id: string | undefined): void {
    if (id === undefined) {
      this.#all++;
      for (const name of this.#emitter.eventNames()) this.#emitter.emit(name);
      return;
    }
    this.#changes.set(id, (this.#changes.get(id) ?? 0) + 1);
    this.#emitter.emit(id);
  }

  /** Names what is known of a job now; another name after every change. */
  version(id: string): string {
    return `${this.#process}.${this.#all + (this.#changes.get(id) ?? 0)}`;
  }

  forget(id: string): void {
    this.#changes.delete(id);
    this.#emitter.emit(id);
  }

  /** Waits until the version is no longer `seen`, or for `ms` milliseconds; then false. Rejects when `signal` aborts. */
  next(id: string, seen: string, ms: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      if (this.version(id) !== seen) {
        resolve(true);
        return;
      }
      const end = (settle: () => void) => () => {
        clearTimeout(timer);
        this.#emitter.off(id, onChange);
        signal.removeEventListener('abort', onAbort);
        settle();
      };
      const onChange = end(() => resolve(true));
      const onAbort = end(() => reject(signal.reason));
      const timer = setTimeout(
        end(() => resolve(false)),
        ms,
      );
      this.#emitter.on(id, onChange);
      signal.addEventListener('abort', onAbort);
    });
  }
}
