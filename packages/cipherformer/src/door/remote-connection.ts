import { Mutex } from '@cipherformer/base';
import type { GeneratedToken, GenerationEnd } from '@cipherformer/client';
import type { ProgramManifest } from '@cipherformer/runtime/client';
import { type Inputs, listOf } from '../input/input.ts';
import { OwnerThread } from '../owner/owner-thread.ts';
import type { Answers } from './answer.ts';
import { answersOf, type ClientOptions, secretFor } from './client.ts';
import { closed } from './closed.ts';
import { drawingOf, type GenerationOptions } from './generation.ts';
import type { WorkOptions } from './server.ts';

export interface RemoteOptions extends ClientOptions {
  /** The program to ask, by its name or the beginning of its digest, where a service has several. */
  readonly program?: string;
  /** Of several the one that takes pictures, or texts, where `program` names none. */
  readonly takes?: 'image' | 'text';
  /** Most bytes of evaluation keys. Default: 4 GiB. */
  readonly maxKeyBytes?: number;
  /** Of connecting. */
  readonly signal?: AbortSignal;
}

/** A program behind a service: keys are sent once, and kept there. Its thread talks with the service, too. */
export class RemoteConnection implements AsyncDisposable {
  readonly manifest: ProgramManifest;
  readonly #owner: OwnerThread;
  readonly #options: Pick<RemoteOptions, 'resize' | 'maxKeyBytes'>;
  readonly #closing = new AbortController();
  readonly #turns = new Mutex();

  private constructor(manifest: ProgramManifest, owner: OwnerThread, options: RemoteOptions) {
    this.manifest = manifest;
    this.#owner = owner;
    this.#options = options;
  }

  /** @throws what ServiceSession.open throws, and as Client.create; the signal's reason */
  static async open(url: string, options: RemoteOptions): Promise<RemoteConnection> {
    const { program, takes, secret, insecure, signal } = options;
    const owner = new OwnerThread(options);
    try {
      const manifest = await owner.connect({ url, program, takes, insecure }, { signal });
      await owner.own(secretFor(secret, manifest));
      return new RemoteConnection(manifest, owner, options);
    } catch (error) {
      await owner.close();
      throw error;
    }
  }

  ask(inputs: Inputs, { progress, signal }: WorkOptions = {}): Promise<Answers> {
    return this.#turns.run(async () => {
      const { resize, maxKeyBytes } = this.#options;
      const asked = { inputs: listOf(inputs), resize, maxKeyBytes };
      const signals = AbortSignal.any([this.#closing.signal, ...(signal ? [signal] : [])]);
      signals.throwIfAborted();
      const answers = await this.#owner.ask(asked, { progress, signal: signals });
      return answersOf(answers, this.manifest, await this.#owner.names(this.manifest));
    });
  }

  async *generate(
    prompt: string | readonly number[],
    { progress, ...options }: GenerationOptions = {},
  ): AsyncGenerator<GeneratedToken, GenerationEnd> {
    const signal = AbortSignal.any([this.#closing.signal, ...(options.signal ? [options.signal] : [])]);
    const { maxKeyBytes } = this.#options;
    const tokens = this.#owner.generate({ prompt, ...drawingOf(options), maxKeyBytes }, { signal, progress });
    // One step at a time, between which others may ask.
    for (;;) {
      const { done, value } = await this.#turns.run(() => tokens.next());
      if (done) return value;
      yield value;
    }
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(closed());
    await this.#turns.run(() => this.#owner.close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
