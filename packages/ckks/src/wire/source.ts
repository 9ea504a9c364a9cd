import { OperandError, WireError } from '../errors/index.ts';

/**
 * Where bytes come from: all at once, or in chunks of any size (a file, a fetch response's body, a request). A chunk is
 * not used after the next one is asked for.
 */
export type WireSource =
  | Uint8Array
  | Iterable<Uint8Array>
  | AsyncIterable<Uint8Array>
  | { getReader(): { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>; releaseLock(): void } };

/** Hands out exactly as many bytes as asked for; holds one chunk of the source at a time. */
export class SourceReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #chunk = new Uint8Array(0);
  /** Bytes handed out. */
  #offset = 0;

  constructor(source: WireSource) {
    this.#chunks = chunksOf(source);
  }

  /**
   * Fills the bytes that `target` gives, asked for again after each wait (kernel memory may have moved in between).
   * @throws WireError when the source ends before
   */
  async fill(target: () => Uint8Array, what: string): Promise<void> {
    const { length } = target();
    let done = 0;
    while (done < length) {
      if (this.#chunk.length === 0 && !(await this.#advance())) {
        throw new WireError(
          `the data end after ${this.#offset + done} bytes, in the middle of ${what} (${length - done} more bytes are needed): ` +
            'the file or transfer is incomplete; write or send it again',
        );
      }
      const run = this.#chunk.subarray(0, length - done);
      target().set(run, done);
      done += run.length;
      this.#chunk = this.#chunk.subarray(run.length);
    }
    this.#offset += done;
  }

  /** Whether nothing is left. */
  async ended(): Promise<boolean> {
    return this.#chunk.length === 0 && !(await this.#advance());
  }

  /** @throws WireError when anything is left */
  async end(what: string): Promise<void> {
    if (await this.ended()) return;
    throw new WireError(
      `there are more bytes after the end of ${what} (${this.#offset} bytes): it holds something else`,
    );
  }

  /** Tells the source that no more is wanted, so that it can close its file or connection. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #advance(): Promise<boolean> {
    while (this.#chunk.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done) return false;
      if (!(value instanceof Uint8Array))
        throw new OperandError('a source of wire data must yield Uint8Array chunks: check its encoding or object mode');
      this.#chunk = value as Uint8Array<ArrayBuffer>;
    }
    return true;
  }
}

async function* chunksOf(source: WireSource): AsyncGenerator<Uint8Array> {
  if (source instanceof Uint8Array) {
    yield source;
  } else if (Symbol.asyncIterator in source || Symbol.iterator in source) {
    yield* source;
  } else {
    // A web stream where it cannot be iterated yet.
    const reader = source.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        if (value) yield value;
      }
    } finally {
      reader.releaseLock();
    }
  }
}

/** Runs `read` on a source, checks that it took everything, and closes the source in any case. */
export async function reading<T>(
  source: WireSource,
  what: string,
  read: (from: SourceReader) => Promise<T>,
): Promise<T> {
  const from = new SourceReader(source);
  try {
    const result = await read(from);
    try {
      await from.end(what);
    } catch (error) {
      if (isDisposable(result)) result[Symbol.dispose]();
      throw error;
    }
    return result;
  } finally {
    await from.close();
  }
}

function isDisposable(value: unknown): value is Disposable {
  return typeof value === 'object' && value !== null && Symbol.dispose in value;
}
