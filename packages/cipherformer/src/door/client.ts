import { type OnProgress, UsageError } from '@cipherformer/base';
import { Context, keyParts, keyWireBytes, nameOfPart, type SecurityOptions, wireBytes } from '@cipherformer/ckks';
import type { Owner } from '@cipherformer/client';
import { prepareInput } from '@cipherformer/model';
import {
  type ClientProgram,
  checkKeyBytes,
  decryptOutputs,
  encryptInputs,
  keySpecsOf,
  makeParts,
  type PrivateAnswer,
  type ProgramManifest,
  parametersOf,
  type VerdictCounts,
} from '@cipherformer/runtime/client';
import { readClientProgram } from '@cipherformer/runtime/client/files';
import { openOwner, writeSecretWithCounts } from '../program/secret-file.ts';
import { type Input, type InputOptions, readInput } from './input.ts';
import { type EncryptedRequest, type EvaluationKeyPart, type EvaluationKeys, pieceOf } from './keys.ts';

/** Where a secret key is, and what it may tell. */
export interface OwnerOptions {
  /**
   * File of the secret key, readable by its owner alone; where there is none, a new key is written to it, with the counts
   * of what it has told beside it. Default: a new key that ends with this process.
   */
  readonly secret?: string;
  /**
   * Asked when so many inputs were found out of range that a server which picks its results could learn of the key:
   * whether to show more. Default: no.
   */
  readonly allowMore?: (counts: VerdictCounts) => boolean | Promise<boolean>;
}

export interface ClientOptions extends OwnerOptions, InputOptions, SecurityOptions {}

export interface EvaluationKeyOptions {
  /** SHA-256 of parts that the server has: they are left out. */
  readonly have?: ReadonlySet<string>;
  /** Most bytes of all keys: whoever compiled the program chose how many there are. Default: 4 GiB. */
  readonly maxBytes?: number;
  /** After each part. */
  readonly progress?: OnProgress;
  readonly signal?: AbortSignal;
}

/** Evaluation keys where they are made. */
export interface MadeEvaluationKeys extends EvaluationKeys {
  /** Of all parts, those included that the server has. */
  readonly bytes: number;
  /** How many there are, those included that the server has. */
  readonly parts: number;
}

/** The owner of the data: holds the secret key, encrypts inputs and decrypts answers. Needs a program's client half alone. */
export class Client implements Disposable {
  readonly #client: ClientProgram;
  readonly #context: Context;
  readonly #owner: Owner;
  readonly #options: InputOptions;
  #closed = false;

  private constructor(client: ClientProgram, context: Context, owner: Owner, options: InputOptions) {
    this.#client = client;
    this.#context = context;
    this.#owner = owner;
    this.#options = options;
  }

  /**
   * @param program a program, its folder, or a folder with its client half
   * @throws FileError for a folder that is none, KeyError for a key that others can read, ParameterError below 128-bit security
   * unless `insecure` accepts it, KernelError where no kernels load
   */
  static async create(
    program: string | { readonly folder: string },
    { secret, allowMore, insecure, ...options }: ClientOptions = {},
  ): Promise<Client> {
    const security = { insecure };
    const client = await readClientProgram(typeof program === 'string' ? program : program.folder, security);
    const context = await Context.create(parametersOf(client.manifest, security), security);
    try {
      const owner = await openOwner(secret, context, { option: 'secret', ...(allowMore ? { allowMore } : {}) });
      return new Client(client, context, owner, options);
    } catch (error) {
      context[Symbol.dispose]();
      throw error;
    }
  }

  /** What everybody may know of the program. */
  get manifest(): ProgramManifest {
    return this.#client.manifest;
  }

  /**
   * The evaluation keys that a server needs, made part by part as they are taken: gigabytes at full security, once for all
   * programs with the same keys. They are public.
   * @throws KeyLimitError for a program that asks for more than `maxBytes`, UsageError when closed; the signal's reason on the way
   */
  evaluationKeys(options: EvaluationKeyOptions = {}): MadeEvaluationKeys {
    const { secret } = this.#open();
    const { parameters } = this.#context;
    const specs = keySpecsOf(this.manifest);
    const bytes = keyWireBytes(parameters, specs);
    checkKeyBytes(bytes, options.maxBytes);
    return {
      key: secret.id,
      bytes,
      parts: keyParts(parameters, specs).length,
      [Symbol.asyncIterator]: () => this.#parts(options),
    };
  }

  async *#parts({ have, progress, signal }: EvaluationKeyOptions): AsyncGenerator<EvaluationKeyPart> {
    const { secret, memory } = this.#open();
    const specs = keySpecsOf(this.manifest);
    const numbers = new Map(keyParts(this.#context.parameters, specs).map((part, i) => [nameOfPart(part), i]));
    const options = {
      ...(have ? { present: have } : {}),
      ...(progress ? { progress } : {}),
      ...(signal ? { signal } : {}),
    };
    for await (const { part, sha256, bytes } of makeParts(secret, specs, memory, options)) {
      yield { index: numbers.get(nameOfPart(part))!, sha256, bytes };
      this.#open();
    }
  }

  /**
   * Encrypts an input, or several for a program that computes a batch. Every request is encrypted afresh.
   * @throws UsageError, DataError, InputError for what is no input of this program, or too many; UsageError when closed
   */
  async encrypt(input: Input | readonly Input[]): Promise<EncryptedRequest> {
    const { secret } = this.#open();
    const { manifest, preparation } = this.#client;
    const examples = [];
    for (const one of isList(input) ? input : [input])
      examples.push(prepareInput(preparation, await readInput(one, preparation, this.#options)));
    const file = await encryptInputs(secret, manifest, examples);
    const bytes = await wireBytes(file);
    return { bytes, ...file.request };
  }

  /**
   * The answer to each input of a request. Label and range are plain; scores and logits tell of the secret key, so they are
   * behind `reveal()`, for its owner alone.
   * @throws ResultError for a result of another program, key or request, a damaged one, and one that no server makes which runs
   * the program: before anything is decrypted. KeyUseError where the key has told too much. UsageError when closed
   */
  async decrypt(result: Uint8Array, { hash, examples }: EncryptedRequest): Promise<PrivateAnswer[]> {
    const { secret, ledger, allowMore } = this.#open();
    const verdicts = { ledger, ...(allowMore ? { allowMore } : {}) };
    return decryptOutputs(secret, this.manifest, { hash, examples }, pieceOf(result), 'the result', verdicts);
  }

  /**
   * Writes the secret key to a new file that only its owner can read, with the counts of what it has told beside it:
   * `Client.create` takes it as `secret`.
   * @throws FileError, StorageError where there is such a file; UsageError when closed
   */
  async exportSecret(file: string): Promise<void> {
    const { secret, ledger } = this.#open();
    await writeSecretWithCounts(file, secret, await ledger.load());
  }

  /** Erases the secret key from memory; one in a file stays there. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#owner.secret[Symbol.dispose]();
    this.#context[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #open(): Owner {
    if (this.#closed) throw new UsageError('the client is closed, its secret key is erased: create another');
    return this.#owner;
  }
}

const isList = (input: Input | readonly Input[]): input is readonly Input[] => Array.isArray(input);
