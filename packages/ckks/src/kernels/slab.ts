import { MemoryError } from '../errors/index.ts';
import type { Kernels } from './backend.ts';

interface Held {
  readonly kernels: Kernels;
  readonly address: number;
  readonly bytes: number;
  readonly secret: boolean;
}

// The net under explicit release: a slab that is garbage-collected unreleased gives its memory back.
const net = new FinalizationRegistry<Held>(({ kernels, address, bytes, secret }) => {
  if (secret) kernels.view(address, bytes).fill(0);
  kernels.release(address, bytes);
});

/**
 * Large memory outside the JavaScript heap, owned by one holder and released explicitly (`using`, or `release()`).
 * Contents are undefined at first. Any use after release throws.
 */
export class Slab implements Disposable {
  readonly kernels: Kernels;
  readonly words: number;
  readonly #secret: boolean;
  #address: number;

  /**
   * @param words 64-bit words
   * @param secret erase the contents on release, by the garbage collector or at the end of a worker too
   */
  constructor(kernels: Kernels, words: number, secret = false) {
    if (!Number.isInteger(words) || words <= 0)
      throw new MemoryError(`a slab needs a positive number of words, not ${words}`);
    this.kernels = kernels;
    this.words = words;
    this.#address = kernels.allocate(8 * words, secret);
    this.#secret = secret;
    net.register(this, { kernels, address: this.#address, bytes: 8 * words, secret }, this);
  }

  get released(): boolean {
    return this.#address === 0;
  }

  /** Byte address of word `word`, for kernel calls. */
  address(word = 0): number {
    if (this.#address === 0)
      throw new MemoryError('memory is used after it was released: keep its owner alive until the last use');
    if (!(word >= 0 && word <= this.words))
      throw new MemoryError(`word ${word} lies outside a slab of ${this.words} words`);
    return this.#address + 8 * word;
  }

  /** A view of words [from, to); do not keep it past release or, in WebAssembly, past the next allocation. */
  wordsView(from = 0, to = this.words): BigUint64Array<ArrayBuffer> {
    const bytes = this.#bytes(from, to);
    return new BigUint64Array(bytes.buffer, bytes.byteOffset, to - from);
  }

  /** The same as doubles, for encoded values. */
  realsView(from = 0, to = this.words): Float64Array<ArrayBuffer> {
    const bytes = this.#bytes(from, to);
    return new Float64Array(bytes.buffer, bytes.byteOffset, to - from);
  }

  #bytes(from: number, to: number): Uint8Array<ArrayBuffer> {
    const address = this.address(from);
    if (!(to >= from && to <= this.words))
      throw new MemoryError(`words ${from} to ${to} lie outside a slab of ${this.words} words`);
    return this.kernels.view(address, 8 * (to - from));
  }

  bytesView(): Uint8Array<ArrayBuffer> {
    return this.kernels.view(this.address(), 8 * this.words);
  }

  release(): void {
    if (this.#address === 0) return;
    if (this.#secret) this.bytesView().fill(0);
    net.unregister(this);
    this.kernels.release(this.#address, 8 * this.words);
    this.#address = 0;
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
