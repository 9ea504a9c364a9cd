import { toHex } from '@cipherformer/base';
import { Context, type KeySpec, Parameters, type ParametersLiteral, sha256, wireBytes } from '@cipherformer/ckks';
import {
  type OpenProgram,
  openProgram,
  type ProgramOptions,
  type RunWork,
  runRequest,
  writeProgram,
} from '@cipherformer/compiler';
import {
  availableMemoryBytes,
  checkMemory,
  FileError,
  KeptCaches,
  type KeySource,
  keySpecsOf,
  type LoadedKeys,
  loadKeys,
  MismatchError,
  openKeyFolder,
  readInputs,
} from '@cipherformer/runtime/server';
import type { EvaluationKeyPart } from './between.ts';
import { pieceOf, refuseSecret } from './key-parts.ts';
import type { CallContext } from './protocol.ts';

// Nothing this imports of ours may read a secret key (test/architecture.test.ts).

/** Parameters as they cross to a thread; without 128-bit security, as their maker accepted them. */
export interface SentParameters {
  readonly literal: ParametersLiteral;
  readonly insecure: boolean;
}

export interface CompileArgument {
  /** Folder of a polynomial model. */
  readonly model: string;
  /** The new one. */
  readonly folder: string;
  readonly options: ProgramOptions;
  readonly parameters: SentParameters | undefined;
}

export interface OpenArgument {
  readonly folder: string;
  readonly insecure: boolean | undefined;
}

/** Keys in the thread's memory. */
export interface HeldKeys {
  readonly number: number;
  /** Names the secret key that they belong to. */
  readonly key: string;
  readonly bytes: number;
}

/** A program in a thread of its own: compiled or opened, then keys, then runs. One call at a time. */
export class ProgramHost {
  #opened: OpenProgram | undefined;
  #context: Context | undefined;
  readonly #keys = new Map<number, LoadedKeys>();
  readonly #caches = new KeptCaches();
  #number = 0;

  /** @throws as writeProgram */
  async compile({ model, folder, options, parameters }: CompileArgument, { signal }: CallContext): Promise<void> {
    this.#opened = await writeProgram(model, folder, { ...options, signal }, parameters && parametersOf(parameters));
  }

  /** @throws as openProgram; ParameterError below 128-bit security unless `insecure` accepts it, KernelError */
  async open({ folder, insecure }: OpenArgument): Promise<void> {
    // What was compiled here is not compiled again, but whoever opens it accepts its parameters anew.
    this.#opened ??= await openProgram(folder, { insecure });
    this.#context = await Context.create(this.#opened.parameters, { insecure });
  }

  /** Takes keys part by part, in the order of the plan. @throws as Server.loadKeys */
  async loadKeys(key: string, { items, progress, signal }: CallContext): Promise<HeldKeys> {
    const specs = keySpecsOf(this.#ready().opened.manifest);
    return this.#load(partsInOrder(key, items as AsyncIterable<EvaluationKeyPart>, specs), { progress, signal });
  }

  /** The same from a folder, read here. */
  async loadKeyFolder(folder: string, { progress, signal }: CallContext): Promise<HeldKeys> {
    return this.#load(await openKeyFolder(folder, this.#ready().opened.parameters), { progress, signal });
  }

  async #load(source: KeySource, options: Pick<CallContext, 'progress' | 'signal'>): Promise<HeldKeys> {
    const { context, opened } = this.#ready();
    checkMemory(opened, availableMemoryBytes());
    const loaded = await loadKeys(context, opened.manifest, source, options);
    this.#keys.set(++this.#number, loaded);
    return { number: this.#number, key: source.key, bytes: loaded.keyBytes };
  }

  /** The bytes of the result. @throws as Server.run */
  async run(
    { keys, request: sent }: { readonly keys: number; readonly request: Uint8Array },
    { progress, signal }: CallContext,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { context, opened } = this.#ready();
    const { manifest } = opened;
    const { machine, key } = this.#keys.get(keys)!;
    const received = await readInputs(context, manifest, key, pieceOf(sent), 'the request');
    try {
      const options = {
        key,
        kept: { caches: this.#caches, keys: `${keys}` },
        signal,
        progress: (work: RunWork) => progress({ what: 'running', ...work }),
      };
      return await runRequest(opened, machine, received, options, wireBytes);
    } finally {
      for (const input of received.inputs) input[Symbol.dispose]();
    }
  }

  async release(keys: number): Promise<void> {
    this.#keys.get(keys)?.[Symbol.dispose]();
    this.#keys.delete(keys);
  }

  /** Releases all memory: that of the kernels outlives a thread. */
  async close(): Promise<void> {
    this.#caches[Symbol.dispose]();
    for (const keys of [...this.#keys.keys()]) await this.release(keys);
    this.#context?.[Symbol.dispose]();
    this.#context = undefined;
  }

  #ready(): { readonly context: Context; readonly opened: OpenProgram } {
    return { context: this.#context!, opened: this.#opened! };
  }
}

const parametersOf = ({ literal, insecure }: SentParameters) => Parameters.from(literal, { insecure });

/** Keys that are taken in the order of the plan, each part when it is needed: no more than one waits in memory. */
function partsInOrder(key: string, items: AsyncIterable<EvaluationKeyPart>, specs: readonly KeySpec[]): KeySource {
  const parts = items[Symbol.asyncIterator]();
  let index = -1;
  return {
    key,
    specs,
    async part() {
      index++;
      const { done, value } = await parts.next();
      if (done || value.index !== index)
        throw new MismatchError(
          `part ${index} of the evaluation keys is missing: give all parts of this program's keys, in order`,
        );
      refuseSecret(value.bytes);
      if (toHex(await sha256(value.bytes)) !== value.sha256)
        throw new FileError(`part ${index} of the evaluation keys is damaged: send it again`);
      return value.bytes;
    },
  };
}
