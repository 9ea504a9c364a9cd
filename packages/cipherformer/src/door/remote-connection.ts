import { Mutex } from '@cipherformer/base';
import {
  type GeneratedToken,
  type GenerationEnd,
  generateTokens,
  type Owner,
  ServiceSession,
  Transport,
} from '@cipherformer/client';
import { fileTokens, nodeFetch } from '@cipherformer/client/node';
import type { ModelInput } from '@cipherformer/model';
import { checkKeyBytes } from '@cipherformer/runtime/client';
import { pieceOf } from '../thread/key-parts.ts';
import { Answer, Answers } from './answer.ts';
import { type ClientOptions, ownerOf } from './client.ts';
import { closed } from './closed.ts';
import type { GenerationOptions } from './generation.ts';
import { batchesOf, type InputOptions, type Inputs, readInput } from './input.ts';
import type { WorkOptions } from './server.ts';

export interface RemoteOptions extends ClientOptions {
  /** The program to ask, by the beginning of its digest, where a service has several. */
  readonly program?: string;
  /** Most bytes of evaluation keys. Default: 4 GiB. */
  readonly maxKeyBytes?: number;
  /** Of connecting. */
  readonly signal?: AbortSignal;
}

/** A program behind a service: keys are sent once, and kept there. */
export class RemoteConnection implements AsyncDisposable {
  readonly #session: ServiceSession;
  readonly #owner: Owner;
  readonly #closing: AbortController;
  readonly #input: InputOptions;
  readonly #maxKeyBytes: number | undefined;
  readonly #turns = new Mutex();

  private constructor(
    session: ServiceSession,
    owner: Owner,
    closing: AbortController,
    { maxKeyBytes, ...input }: InputOptions & Pick<RemoteOptions, 'maxKeyBytes'>,
  ) {
    this.#session = session;
    this.#owner = owner;
    this.#closing = closing;
    this.#input = input;
    this.#maxKeyBytes = maxKeyBytes;
  }

  /** @throws what ServiceSession.open throws, and as Client.create; the signal's reason */
  static async open(url: string, options: RemoteOptions): Promise<RemoteConnection> {
    const { program, secret, allowMore, insecure, signal, ...others } = options;
    // A service that is not there is told at once; one that goes away later is waited for.
    await new Transport(url, { ...(signal ? { signal } : {}), fetch: nodeFetch, retry: { attempts: 1 } }).programs();
    const closing = new AbortController();
    const transport = new Transport(url, { signal: closing.signal, fetch: nodeFetch, tokens: fileTokens(url) });
    const session = await ServiceSession.open(transport, { insecure, ...(program === undefined ? {} : { program }) });
    try {
      signal?.throwIfAborted();
      const owner = await ownerOf(secret, session.context, allowMore ? { allowMore } : {});
      return new RemoteConnection(session, owner, closing, others);
    } catch (error) {
      session.close();
      throw error;
    }
  }

  ask(inputs: Inputs, { progress, signal }: WorkOptions = {}): Promise<Answers> {
    return this.#turns.run(async () => {
      this.#closing.signal.throwIfAborted();
      signal?.throwIfAborted();
      const { manifest, preparation } = this.#session.client;
      const batches: ModelInput[][] = [];
      for (const batch of batchesOf(inputs, manifest.batch)) {
        const read: ModelInput[] = [];
        for (const input of batch) read.push(await readInput(input, preparation, this.#input));
        batches.push(read);
      }
      const results: Answer[] = [];
      for (const batch of batches) {
        const { answers } = await this.#session.ask(this.#owner, batch, {
          agree: async (bytes) => checkKeyBytes(bytes, this.#maxKeyBytes),
          signal: AbortSignal.any([this.#closing.signal, ...(signal ? [signal] : [])]),
          ...(progress ? { progress } : {}),
        });
        results.push(...answers.map((answer) => new Answer(answer, manifest.model.classes)));
      }
      return new Answers(results);
    });
  }

  async *generate(
    prompt: string | readonly number[],
    { progress, ...options }: GenerationOptions = {},
  ): AsyncGenerator<GeneratedToken, GenerationEnd> {
    const signal = AbortSignal.any([this.#closing.signal, ...(options.signal ? [options.signal] : [])]);
    const work = {
      agree: async (bytes: number) => checkKeyBytes(bytes, this.#maxKeyBytes),
      signal,
      ...(progress ? { progress } : {}),
    };
    const session = this.#session;
    const exchange = (request: Uint8Array<ArrayBuffer>) =>
      this.#turns.run(async () => {
        signal.throwIfAborted();
        const keyset = await session.ensureKeys(this.#owner, work);
        return pieceOf(await session.exchange(keyset, request, work));
      });
    return yield* generateTokens(session.client, this.#owner, prompt, exchange, { ...options, signal });
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(closed());
    await this.#turns.run(async () => {
      this.#owner.secret[Symbol.dispose]();
      this.#session.close();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
