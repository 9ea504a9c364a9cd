import { checkWhole } from '../errors/checks.ts';
import { KernelError, MemoryError } from '../errors/index.ts';
import { type BuildName, Op } from './operations.ts';

/** Bytes of large memory held by a backend. */
export interface MemoryCounters {
  readonly slabs: number;
  readonly bytes: number;
  readonly cachedBytes: number;
  readonly peakBytes: number;
}

/** What a loader provides: raw calls into one build of the kernel library. Addresses are byte offsets, as numbers. */
export interface RawBackend {
  readonly build: BuildName;
  call(operation: number, args: Float64Array, count: number, result: Float64Array): number;
  /**
   * Address of `bytes` of 64-byte aligned memory, or 0. Its owner releases it, and erases what is secret before; if a worker
   * ends first, native memory is released then, the `secret` erased.
   */
  allocate(bytes: number, secret: boolean): number;
  release(address: number, bytes: number): void;
  /** The memory itself, as bytes; valid until released (WebAssembly: until memory grows). */
  view(address: number, bytes: number): Uint8Array<ArrayBuffer>;
  trim(): void;
  memory(): MemoryCounters;
  threads(): number;
  /** Whether the system gave that many; if not, the number stays what it was. */
  setThreads(threads: number): boolean;
}

export const maxThreads = 256;

const opNames = new Map<number, string>(Object.entries(Op).map(([name, code]) => [code, name]));

const statusMessages: Readonly<Record<number, string>> = {
  1: 'this kernel build has no such operation; the doctor (cipherformer doctor) says how to replace it',
  2: 'the arguments do not fit the operation',
  4: 'a modulus is not a prime below 2^50 that is 1 modulo 2N',
  5: 'N must be between 2^4 and 2^17',
  6: 'this processor lacks the instructions of the build; load another one',
  7: 'the ring was destroyed, or belongs to another build of the kernels',
  8: 'a Galois element must be odd and from 1 to 2N - 1',
};

/** An argument of a kernel call; a list is passed as its length, then its members. */
export type KernelArgument = number | readonly number[];

/** One loaded build of the kernels: the only way TypeScript reaches them. */
export class Kernels {
  readonly build: BuildName;
  readonly #raw: RawBackend;
  readonly #result = new Float64Array(1);
  #args = new Float64Array(1024);

  constructor(raw: RawBackend) {
    this.build = raw.build;
    this.#raw = raw;
  }

  /** Called before every operation, for counting and profiling; undefined for none. */
  observer: ((operation: Op, args: readonly KernelArgument[]) => void) | undefined;

  /** Runs one operation; returns its numeric result where it has one. */
  call(operation: Op, ...args: readonly KernelArgument[]): number {
    this.observer?.(operation, args);
    let count = 0;
    for (const arg of args) count += typeof arg === 'number' ? 1 : 1 + arg.length;
    if (count > this.#args.length) this.#args = new Float64Array(2 * count);
    let at = 0;
    for (const arg of args) {
      if (typeof arg === 'number') {
        this.#args[at++] = arg;
      } else {
        this.#args[at++] = arg.length;
        for (const member of arg) this.#args[at++] = member;
      }
    }
    const status = this.#raw.call(operation, this.#args, count, this.#result);
    if (status === 0) return this.#result[0]!;
    const what = `${opNames.get(operation)} on the ${this.build} kernels`;
    if (status === 3) {
      throw new MemoryError(`${what}: out of memory; release unused slabs or use a machine with more memory`);
    }
    throw new KernelError(`${what}: ${statusMessages[status] ?? `unknown status ${status}`}`);
  }

  allocate(bytes: number, secret = false): number {
    const address = this.#raw.allocate(bytes, secret);
    if (address === 0) {
      const mib = (n: number) => `${(n / 2 ** 20).toFixed(1)} MiB`;
      throw new MemoryError(
        `cannot allocate ${mib(bytes)}: ${mib(this.memory().bytes)} are in use by the ${this.build} kernels; ` +
          'release what is no longer needed, or use fewer keys, a smaller ring or a machine with more memory',
      );
    }
    return address;
  }

  release(address: number, bytes: number): void {
    this.#raw.release(address, bytes);
  }

  view(address: number, bytes: number): Uint8Array<ArrayBuffer> {
    return this.#raw.view(address, bytes);
  }

  /** Gives released memory, which is kept for reuse, back to the system. */
  trim(): void {
    this.#raw.trim();
  }

  memory(): MemoryCounters {
    return this.#raw.memory();
  }

  get threads(): number {
    return this.#raw.threads();
  }

  /** Threads a call may use (native builds; WebAssembly has one). */
  set threads(threads: number) {
    checkWhole('threads', threads, 1, maxThreads, KernelError);
    if (!this.#raw.setThreads(threads)) {
      throw new KernelError(
        `the system does not give the kernels ${threads} threads (a limit on threads or on memory), they keep ` +
          `${this.threads}: ask for fewer, or set CIPHERFORMER_THREADS`,
      );
    }
  }
}
