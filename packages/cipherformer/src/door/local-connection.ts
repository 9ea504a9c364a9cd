import { Mutex } from '@cipherformer/base';
import type { GeneratedToken, GenerationEnd } from '@cipherformer/client';
import type { Answers } from './answer.ts';
import { Client, type ClientOptions } from './client.ts';
import { closed } from './closed.ts';
import type { GenerationOptions } from './generation.ts';
import { type Inputs, isList } from './input.ts';
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
  readonly #maxKeyBytes: number | undefined;
  readonly #clean: () => Promise<void>;
  readonly #turns = new Mutex();
  readonly #closing = new AbortController();
  #keys: ServerKeys | undefined;

  private constructor(client: Client, server: Server, maxKeyBytes: number | undefined, clean: () => Promise<void>) {
    this.#client = client;
    this.#server = server;
    this.#maxKeyBytes = maxKeyBytes;
    this.#clean = clean;
  }

  /**
   * @param clean called at the end
   * @throws what Client.create and Server.load throw
   */
  static async open(
    program: Program,
    { maxKeyBytes, ...options }: LocalOptions,
    clean: () => Promise<void> = async () => {},
  ): Promise<LocalConnection> {
    const { insecure } = options;
    const client = await Client.create(program, options);
    try {
      return new LocalConnection(client, await Server.load(program, { insecure }), maxKeyBytes, clean);
    } catch (error) {
      client.close();
      throw error;
    }
  }

  ask(inputs: Inputs, options: WorkOptions = {}): Promise<Answers> {
    return this.#turns.run(async () => {
      const { progress } = options;
      const signals = [this.#closing.signal, ...(options.signal ? [options.signal] : [])];
      const work = { ...options, signal: AbortSignal.any(signals) };
      work.signal.throwIfAborted();
      progress?.({ what: 'encrypting', done: 0, total: 1 });
      // First: gigabytes of keys are not made for a question that cannot be asked.
      const requests = await this.#client.encrypt(isList(inputs) ? inputs : [inputs]);
      this.#keys ??= await this.#server.loadKeys(this.#evaluationKeys(), work);
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
        this.#keys ??= await this.#server.loadKeys(this.#evaluationKeys(), work);
        return this.#server.run(this.#keys, request, work);
      });
    return yield* this.#client.generate(prompt, exchange, { ...options, signal });
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(closed());
    await this.#turns.run(async () => {
      this.#client.close();
      await this.#server.close();
      await this.#clean();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #evaluationKeys() {
    const maxBytes = this.#maxKeyBytes;
    return this.#client.evaluationKeys(maxBytes === undefined ? {} : { maxBytes });
  }
}
