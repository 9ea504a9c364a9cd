import type { Parameters } from '@cipherformer/ckks';
import type { CompileArgument, HeldKeys, OpenArgument, SentParameters } from './program-host.ts';
import { type CallOptions, Thread } from './thread.ts';

/** The compiled file, also when this one runs as source. */
const file = new URL('../../dist/thread/worker.js', import.meta.url);

const sentOf = ({ literal, insecure }: Parameters): SentParameters => ({ literal, insecure });

/** A program in a thread of its own, from outside: the event loop here stays alive while it works. One call at a time. */
export class ProgramThread {
  readonly #thread = new Thread(file);

  async compile(
    { parameters, ...argument }: Omit<CompileArgument, 'parameters'> & { readonly parameters: Parameters | undefined },
    options: CallOptions,
  ): Promise<void> {
    const sent = { ...argument, parameters: parameters && sentOf(parameters) } satisfies CompileArgument;
    await this.#thread.call('compile', sent, options);
  }

  async open(argument: OpenArgument): Promise<void> {
    await this.#thread.call('open', argument);
  }

  async loadKeys(key: string, options: CallOptions): Promise<HeldKeys> {
    return (await this.#thread.call('loadKeys', key, options)) as HeldKeys;
  }

  async loadKeyFolder(folder: string, options: CallOptions): Promise<HeldKeys> {
    return (await this.#thread.call('loadKeyFolder', folder, options)) as HeldKeys;
  }

  async run(keys: number, request: Uint8Array, options: CallOptions): Promise<Uint8Array<ArrayBuffer>> {
    return (await this.#thread.call('run', { keys, request }, options)) as Uint8Array<ArrayBuffer>;
  }

  async release(keys: number): Promise<void> {
    await this.#thread.call('release', keys);
  }

  /** Ends the thread, when its memory is released. */
  async close(): Promise<void> {
    // One that died has nothing to release.
    await this.#thread.call('close', undefined).catch(() => {});
    await this.#thread.end();
  }
}
