import { Mutex } from '@cipherformer/base';
import type { GeneratedToken, GenerationEnd } from '@cipherformer/client';
import { KeyLimitError, type ProgramManifest } from '@cipherformer/runtime/client';
import { type Inputs, listOf } from '../input/input.ts';
import type { Answers } from './answer.ts';
import { Client, type ClientOptions } from './client.ts';
import { closed } from './closed.ts';
import type { GenerationOptions } from './generation.ts';
import type { Program } from './program.ts';
import { Server, type ServerKeys, type WorkOptions } from './server.ts';

export interface LocalOptions extends ClientOptions {
  /** Most bytes of evaluation keys. Default: 4 GiB. */
  readonly maxKeyBytes?: number;
}

/** Both sides of a program in one process: what passes between them takes the form in which it would travel. */
export class LocalConnection implements AsyncDisposable {
  readonly #client: Client;
  readonly #server: Server;
  readonly #options: Pick<LocalOptions, 'maxKeyBytes' | 'allowKeys'>;
  readonly #clean: () => Promise<void>;
  readonly #turns = new Mutex();
  readonly #closing = new AbortController();
  #keys: ServerKeys | undefined;

  private constructor(client: Client, server: Server, options: LocalOptions, clean: () => Promise<void>) {
    this.#client = client;
    this.#server = server;
    this.#options = options;
    this.#clean = clean;
  }

  /**
   * @param clean called at the end
   * @throws what Client.create and Server.load throw
   */
  static async open(
    program: Program,
    options: LocalOptions,
    clean: () => Promise<void> = async () => {},
  ): Promise<LocalConnection> {
    const { insecure } = options;
    const client = await Client.create(program, options);
    try {
      return new LocalConnection(client, await Server.load(program, { insecure }), options, clean);
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  get manifest(): ProgramManifest {
    return this.#client.manifest;
  }

  ask(inputs: Inputs, options: WorkOptions = {}): Promise<Answers> {
    return this.#turns.run(async () => {
      const { progress } = options;
      const signals = [this.#closing.signal, ...(options.signal ? [options.signal] : [])];
      const work = { ...options, signal: AbortSignal.any(signals) };
      work.signal.throwIfAborted();
      progress?.({ what: 'encrypting', done: 0, total: 1 });
      // First: gigabytes of keys are not made for a question that cannot be asked.
      const requests = await this.#client.encrypt(listOf(inputs));
      this.#keys ??= await this.#server.loadKeys(await this.#evaluationKeys(), work);
      const results = await this.#server.run(this.#keys, requests, work);
      progress?.({ what: 'decrypting', done: 0, total: 1 });
      return this.#client.decrypt(results, requests);
    });
  }

  async *generate(
    prompt: string | readonly number[],
    { progress, ...options }: GenerationOptions = {},
  ): AsyncGenerator<GeneratedToken, GenerationEnd> {
    const signals = [this.#closing.signal, ...(options.signal ? [options.signal] : [])];
    const signal = AbortSignal.any(signals);
    const work = { signal, ...(progress ? { progress } : {}) };
    // One step at a time, between which others may ask.
    const exchange = (request: Uint8Array<ArrayBuffer>) =>
      this.#turns.run(async () => {
        signal.throwIfAborted();
        this.#keys ??= await this.#server.loadKeys(await this.#evaluationKeys(), work);
        return this.#server.run(this.#keys, request, work);
      });
    return yield* this.#client.generate(prompt, exchange, { ...options, ...work });
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(closed());
    await this.#turns.run(async () => {
      await this.#client.close();
      await this.#server.close();
      await this.#clean();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #evaluationKeys() {
    const { maxKeyBytes: maxBytes, allowKeys } = this.#options;
    try {
      return this.#client.evaluationKeys(maxBytes === undefined ? {} : { maxBytes });
    } catch (error) {
      if (!(error instanceof KeyLimitError && (await allowKeys?.(this.manifest.keys.wireBytes)))) throw error;
      return this.#client.evaluationKeys({ maxBytes: Number.POSITIVE_INFINITY });
    }
  }
}
