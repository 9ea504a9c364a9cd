import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';

const eventMs = 1000;

/** What is told of a job at a time. */
export interface JobEvent {
  readonly name: string;
  /** JSON of the job. */
  readonly data: string;
  readonly isLast: boolean;
}

/** Tells who waits for it that something about a job changed. */
export class Feed {
  /** Numbers of changes start again with every process: the name of the process keeps them apart. */
  readonly #process = randomUUID().slice(0, 8);
  readonly #changes = new Map<string, number>();
  #all = 0;
  readonly #events = new Map<string, { version: string; made: number; event: Promise<JobEvent | undefined> }>();
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

  /** The event of a version, made once for all who wait for it. */
  event(id: string, version: string, make: () => Promise<JobEvent | undefined>): Promise<JobEvent | undefined> {
    const known = this.#events.get(id);
    // Rows may change without a word of it, where several machines change them: after a second they are read again.
    if (known?.version === version && performance.now() - known.made < eventMs) return known.event;
    const event = make();
    this.#events.set(id, { version, made: performance.now(), event });
    return event;
  }

  forget(id: string): void {
    this.#events.delete(id);
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
