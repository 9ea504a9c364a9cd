import { Mutex, type OnProgress, UsageError } from '@cipherformer/base';
import type { SecurityOptions } from '@cipherformer/ckks';
import type { ProgramManifest } from '@cipherformer/runtime/server';
import type { EncryptedRequest, EvaluationKeys } from '../thread/between.ts';
import { refuseSecret } from '../thread/key-parts.ts';
import type { HeldKeys } from '../thread/program-host.ts';
import type { ProgramThread } from '../thread/program-thread.ts';

import { Program, takeThread } from './program.ts';

// Nothing this imports of ours may read a secret key (test/architecture.test.ts).

/** How work is followed and stopped. */
export interface WorkOptions {
  readonly progress?: OnProgress;
  /** Looked at between parts of keys, and between instructions. */
  readonly signal?: AbortSignal;
}

/** A client's evaluation keys in a server's memory. */
export interface ServerKeys extends AsyncDisposable {
  /** Names the secret key that they belong to. */
  readonly key: string;
  /** In memory. */
  readonly bytes: number;
  /** Releases them, when what is under way with them has ended. */
  close(): Promise<void>;
}

/**
 * Runs a program on encrypted inputs. It cannot hold a secret key: nothing that it reaches makes, reads or uses one. It works
 * in a thread of its own, so the event loop here stays alive. A server that is not closed does not keep the process alive.
 */
export class Server implements AsyncDisposable {
  readonly #manifest: ProgramManifest;
  readonly #thread: ProgramThread;
  readonly #held = new Map<ServerKeys, HeldKeys>();
  /** One thing at a time: each takes all processors. */
  readonly #turns = new Mutex();
  #closed = false;

  private constructor(manifest: ProgramManifest, thread: ProgramThread) {
    this.#manifest = manifest;
    this.#thread = thread;
  }

  /**
   * Cost: that of compiling the program again, unless `compile` has just done it.
   * @param program a program, or its folder: both halves
   * @throws what Program.load throws; FileError where the model's files have changed, or only the client's half is there;
   * ParameterError below 128-bit security unless `insecure` accepts it, KernelError where no kernels load; UsageError for a
   * program that is closed
   */
  static async load(program: string | Program, { insecure }: SecurityOptions = {}): Promise<Server> {
    const loaded = typeof program === 'string' ? await Program.load(program, { insecure }) : program;
    const { folder, manifest } = loaded;
    const thread = takeThread(loaded);
    try {
      await thread.open({ folder, insecure });
      return new Server(manifest, thread);
    } catch (error) {
      await thread.close();
      throw error;
    }
  }

  /** What everybody may know of the program. */
  get manifest(): ProgramManifest {
    return this.#manifest;
  }

  /**
   * Takes a client's evaluation keys, part by part, or from a folder of them (which the verb keygen writes), checks and expands
   * them. Cost: `manifest.keys.keyBytes` of memory.
   * @throws ResourceError where the memory does not suffice, FileError for a damaged part or a secret key, MismatchError for
   * keys of another program, WireError for wrong contents, ThreadError where the thread died; UsageError when closed; the
   * signal's reason
   */
  async loadKeys(keys: EvaluationKeys | string, options: WorkOptions = {}): Promise<ServerKeys> {
    if (typeof keys === 'string') return this.#take(() => this.#thread.loadKeyFolder(keys, options));
    refuseOthers(keys);
    return this.#take(async () => {
      const items = keys[Symbol.asyncIterator]();
      try {
        return await this.#thread.loadKeys(keys.key, { ...options, items });
      } finally {
        await items.return?.();
      }
    });
  }

  #take(load: () => Promise<HeldKeys>): Promise<ServerKeys> {
    return this.#turns.run(async () => {
      this.#checkOpen();
      const held = await load();
      const close = () => this.#turns.run(() => this.#release(taken));
      const taken = { key: held.key, bytes: held.bytes, close, [Symbol.asyncDispose]: close };
      this.#held.set(taken, held);
      return taken;
    });
  }

  /**
   * Runs the program on a request, or on several one after another, whose results come in the same order. The same keys and
   * request give the same bytes, which stay when all else is closed.
   * @throws FileError for what is no request, MismatchError for one of another program or key, WireError for a damaged one,
   * ThreadError where the thread died; UsageError for keys that are closed or of another server, and when closed; the
   * signal's reason
   */
  run(keys: ServerKeys, request: Request, options?: WorkOptions): Promise<Uint8Array<ArrayBuffer>>;
  run(keys: ServerKeys, requests: readonly Request[], options?: WorkOptions): Promise<Uint8Array<ArrayBuffer>[]>;
  async run(
    keys: ServerKeys,
    requests: Request | readonly Request[],
    options: WorkOptions = {},
  ): Promise<Uint8Array<ArrayBuffer> | Uint8Array<ArrayBuffer>[]> {
    if (!isRequestList(requests)) return this.#run(keys, requests, options);
    const results: Uint8Array<ArrayBuffer>[] = [];
    for (const request of requests) results.push(await this.#run(keys, request, options));
    return results;
  }

  #run(keys: ServerKeys, request: Request, options: WorkOptions): Promise<Uint8Array<ArrayBuffer>> {
    const sent = request instanceof Uint8Array ? request : request.bytes;
    return this.#turns.run(async () => {
      this.#checkOpen();
      const held = this.#held.get(keys);
      if (!held) throw new UsageError('these keys are closed, or of another server: load them here');
      return this.#thread.run(held.number, sent, options);
    });
  }

  /** Releases all memory, keys included, and ends the thread, when what was asked before has ended. */
  async close(): Promise<void> {
    await this.#turns.run(async () => {
      if (this.#closed) return;
      this.#closed = true;
      this.#held.clear();
      await this.#thread.close();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #release(keys: ServerKeys): Promise<void> {
    const held = this.#held.get(keys);
    this.#held.delete(keys);
    if (held) await this.#thread.release(held.number);
  }

  #checkOpen(): void {
    if (this.#closed) throw new UsageError('the server is closed: load another');
  }
}

type Request = EncryptedRequest | Uint8Array;

const isRequestList = (requests: Request | readonly Request[]): requests is readonly Request[] =>
  Array.isArray(requests);

/** Callers in plain JavaScript may hand over anything: the bytes of a key file above all. */
function refuseOthers(keys: unknown): void {
  if (keys instanceof Uint8Array) refuseSecret(keys);
  if (typeof keys !== 'object' || keys === null || !(Symbol.asyncIterator in keys && 'key' in keys))
    throw new UsageError('evaluation keys are what client.evaluationKeys() gives: { key } and parts to take');
}
