import type { Ciphertext } from '@cipherformer/ckks';
import { CacheError } from '../errors.ts';

export interface CacheOptions {
  /** Most bytes of all caches. Default: 2 GiB. */
  readonly maxBytes?: number;
  /** How long one is kept that nobody goes on with, in milliseconds. Default: 15 minutes. */
  readonly idleMs?: number;
  /** Milliseconds, for tests. */
  readonly now?: () => number;
}

/** Whose cache, and after which prompt. */
export interface CacheName {
  /**
   * Names the evaluation keys with which it was computed: what belongs to others is not there. Not the secret key they say they
   * are of, which anybody can say.
   */
  readonly keys: string;
  /** Hash of the prompt's request. */
  readonly prompt: string;
}

interface Cache {
  readonly kept: readonly Ciphertext[];
  readonly bytes: number;
  /** Tokens that it holds. */
  readonly tokens: number;
  readonly used: number;
}

/**
 * What a server keeps of generations under way: encrypted keys and values, by owner and prompt. Within a budget: a new one that
 * does not fit is refused, so that none under way is lost. What nobody goes on with expires.
 */
export class KeptCaches implements Disposable {
  readonly #caches = new Map<string, Cache>();
  readonly #maxBytes: number;
  readonly #idleMs: number;
  readonly #now: () => number;

  constructor({ maxBytes = 2 * 2 ** 30, idleMs = 15 * 60_000, now = Date.now }: CacheOptions = {}) {
    this.#maxBytes = maxBytes;
    this.#idleMs = idleMs;
    this.#now = now;
  }

  /** Bytes of all that is kept. */
  get bytes(): number {
    return [...this.#caches.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /**
   * Whether another one of so many bytes fits, what has expired released. Asked before a prompt is computed.
   * @throws CacheError 'cache-full'
   */
  reserve(bytes: number): void {
    this.expire();
    if (this.bytes + bytes > this.#maxBytes)
      throw new CacheError(
        'cache-full',
        `keys and values of this prompt take ${bytes} bytes, ${this.bytes} of ${this.#maxBytes} are in use: try again when other generations have ended`,
      );
  }

  /**
   * What was kept, for the token at this position; it stays the cache's.
   * @throws CacheError 'cache-gone' for one that expired, was never here or is another owner's: all the same to who asks;
   * 'wrong-step' for a token that is not the next one
   */
  get({ keys, prompt }: CacheName, position: number): readonly Ciphertext[] {
    this.expire();
    const cache = this.#caches.get(nameOf({ keys, prompt }));
    if (!cache)
      throw new CacheError(
        'cache-gone',
        `nothing is kept for the prompt ${prompt.slice(0, 12)} of these keys: it expired or was never here; begin again with the prompt`,
      );
    if (cache.tokens !== position)
      throw new CacheError(
        'wrong-step',
        `the token at position ${position} does not follow: ${cache.tokens} are kept, so the next one is at ${cache.tokens}; send each token once, in order`,
      );
    return cache.kept;
  }

  /** Keeps what a run gave, in place of what there was before it. */
  set(name: CacheName, tokens: number, kept: readonly Ciphertext[]): void {
    this.delete(name);
    const bytes = kept.reduce((sum, each) => sum + each.bytes, 0);
    this.#caches.set(nameOf(name), { kept, bytes, tokens, used: this.#now() });
  }

  delete(name: CacheName): void {
    this.#release(nameOf(name));
  }

  /** Releases all that was computed with these evaluation keys. */
  forget(keys: string): void {
    for (const name of [...this.#caches.keys()]) if (name.startsWith(`${keys} `)) this.#release(name);
  }

  /** Releases what nobody went on with for too long. */
  expire(): void {
    const oldest = this.#now() - this.#idleMs;
    for (const [name, { used }] of [...this.#caches]) if (used < oldest) this.#release(name);
  }

  [Symbol.dispose](): void {
    for (const name of [...this.#caches.keys()]) this.#release(name);
  }

  #release(name: string): void {
    for (const ciphertext of this.#caches.get(name)?.kept ?? []) ciphertext[Symbol.dispose]();
    this.#caches.delete(name);
  }
}

const nameOf = ({ keys, prompt }: CacheName): string => `${keys} ${prompt}`;
