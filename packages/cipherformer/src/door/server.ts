import { Mutex, type OnProgress, toHex, UsageError } from '@cipherformer/base';
import {
  Context,
  type KeySpec,
  type SecurityOptions,
  sha256,
  startsLikeSecretKey,
  wireBytes,
} from '@cipherformer/ckks';
import { followRun, type OpenProgram } from '@cipherformer/compiler';
import {
  availableMemoryBytes,
  checkMemory,
  FileError,
  type KeySource,
  keySpecsOf,
  type LoadedKeys,
  loadKeys,
  MismatchError,
  outputsFile,
  type ProgramManifest,
  readInputs,
  runCkks,
} from '@cipherformer/runtime/server';
import { type EncryptedRequest, type EvaluationKeyPart, type EvaluationKeys, pieceOf } from './keys.ts';
import { Program } from './program.ts';

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
 * in this process: an instruction takes up to seconds, in which the event loop stands; `serve` works in a process of its own.
 */
export class Server implements AsyncDisposable {
  readonly #opened: OpenProgram;
  readonly #context: Context;
  readonly #loaded = new Map<ServerKeys, LoadedKeys>();
  /** One thing at a time: each takes all processors. */
  readonly #turns = new Mutex();
  #closed = false;

  private constructor(opened: OpenProgram, context: Context) {
    this.#opened = opened;
    this.#context = context;
  }

  /**
   * @param program a program, or its folder: both halves
   * @throws what Program.load and Program.open throw; ParameterError below 128-bit security unless `insecure` accepts it,
   * KernelError where no kernels load
   */
  static async load(program: string | Program, { insecure }: SecurityOptions = {}): Promise<Server> {
    const loaded = typeof program === 'string' ? await Program.load(program, { insecure }) : program;
    const opened = await loaded.open();
    return new Server(opened, await Context.create(opened.parameters, { insecure }));
  }

  /** What everybody may know of the program. */
  get manifest(): ProgramManifest {
    return this.#opened.manifest;
  }

  /**
   * Takes a client's evaluation keys, part by part, checks and expands them. Cost: `manifest.keys.keyBytes` of memory.
   * @throws ResourceError where the memory does not suffice, FileError for a damaged part or a secret key, MismatchError for
   * keys of another program, WireError for wrong contents; UsageError when closed; the signal's reason
   */
  async loadKeys(keys: EvaluationKeys, options: WorkOptions = {}): Promise<ServerKeys> {
    refuseOthers(keys);
    return this.#turns.run(async () => {
      this.#checkOpen();
      checkMemory(this.#opened, availableMemoryBytes());
      const { source, end } = partsInOrder(keys, keySpecsOf(this.manifest));
      let loaded: LoadedKeys;
      try {
        loaded = await loadKeys(this.#context, this.manifest, source, options);
      } finally {
        await end();
      }
      const close = () => this.#turns.run(async () => this.#release(taken));
      const taken = { key: keys.key, bytes: loaded.keyBytes, close, [Symbol.asyncDispose]: close };
      this.#loaded.set(taken, loaded);
      return taken;
    });
  }

  /**
   * Runs the program on an encrypted input. The same keys and request give the same bytes, which stay when all else is closed.
   * @throws FileError for what is no request, MismatchError for one of another program or key, WireError for a damaged one;
   * UsageError for keys that are closed or of another server, and when closed; the signal's reason
   */
  async run(
    keys: ServerKeys,
    request: EncryptedRequest | Uint8Array,
    { progress, signal }: WorkOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    const sent = request instanceof Uint8Array ? request : request.bytes;
    return this.#turns.run(async () => {
      this.#checkOpen();
      signal?.throwIfAborted();
      const loaded = this.#loaded.get(keys);
      if (!loaded) throw new UsageError('these keys are closed, or of another server: load them here');
      const { manifest } = this.#opened;
      const { machine, key } = loaded;
      const { inputs, request: hash } = await readInputs(this.#context, manifest, key, pieceOf(sent), 'the request');
      try {
        const follow = followRun(this.#opened);
        using result = await runCkks(machine, this.#opened, inputs, {
          ...(signal ? { signal } : {}),
          onInstruction: (timing) => progress?.({ what: 'running', ...follow(timing) }),
        });
        return await wireBytes(await outputsFile(manifest, key, hash, result.outputs));
      } finally {
        for (const input of inputs) input[Symbol.dispose]();
      }
    });
  }

  /** Releases all memory, keys included, when what was asked before has ended. */
  async close(): Promise<void> {
    await this.#turns.run(async () => {
      if (this.#closed) return;
      this.#closed = true;
      for (const keys of [...this.#loaded.keys()]) this.#release(keys);
      this.#context[Symbol.dispose]();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #release(keys: ServerKeys): void {
    this.#loaded.get(keys)?.[Symbol.dispose]();
    this.#loaded.delete(keys);
  }

  #checkOpen(): void {
    if (this.#closed) throw new UsageError('the server is closed: load another');
  }
}

/** Callers in plain JavaScript may hand over anything: the bytes of a key file above all. */
function refuseOthers(keys: unknown): void {
  if (keys instanceof Uint8Array) refuseSecret(keys);
  if (typeof keys !== 'object' || keys === null || !(Symbol.asyncIterator in keys && 'key' in keys))
    throw new UsageError('evaluation keys are what client.evaluationKeys() gives: { key } and parts to take');
}

function refuseSecret(bytes: Uint8Array): void {
  if (startsLikeSecretKey(bytes))
    throw new FileError(
      'this is a secret key, which never belongs to a server: give what client.evaluationKeys() makes',
    );
}

/** Keys that are taken in the order of the plan, each part when it is needed: no more than one waits in memory. */
function partsInOrder(keys: EvaluationKeys, specs: readonly KeySpec[]) {
  const parts: AsyncIterator<EvaluationKeyPart> = keys[Symbol.asyncIterator]();
  let index = -1;
  const source: KeySource = {
    key: keys.key,
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
  return { source, end: async () => void (await parts.return?.()) };
}
