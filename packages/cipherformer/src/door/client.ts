import { type OnProgress, UsageError } from '@cipherformer/base';
import { Context, keyParts, keyWireBytes, nameOfPart, type SecurityOptions, wireBytes } from '@cipherformer/ckks';
import {
  type GeneratedToken,
  type GenerateOptions,
  type GenerationEnd,
  generateTokens,
  type Owner,
} from '@cipherformer/client';
import { prepareInput } from '@cipherformer/model';
import {
  type ClientProgram,
  checkKeyBytes,
  decryptOutputs,
  encryptInputs,
  keySpecsOf,
  makeParts,
  manifestFile,
  type ProgramManifest,
  parametersOf,
  readClientHalf,
  type VerdictCounts,
} from '@cipherformer/runtime/client';
import { readClientProgram } from '@cipherformer/runtime/client/files';
import { openOwner } from '../program/secret-file.ts';
import { exportedSecret, openStoredOwner, type SecretStore } from '../program/secret-store.ts';
import { type EvaluationKeyPart, pieceOf } from '../thread/key-parts.ts';
import { Answer, Answers } from './answer.ts';
import { batchesOf, type Input, type InputOptions, type Inputs, isList, readInput } from './input.ts';
import type { EncryptedRequest, EvaluationKeys } from './keys.ts';
import type { Program } from './program.ts';

/** Where a secret key is, and what it may tell. */
export interface OwnerOptions {
  /**
   * Where the secret key is, with the counts of what it has told. A path: a file that its owner alone can read, the counts
   * beside it. A store of the caller's. Bytes of `exportSecret`: then neither key nor counts are kept. Where a file or store has
   * none, a new key is made there. Default: a new key that ends with this process.
   */
  readonly secret?: string | SecretStore | Uint8Array;
  /**
   * Asked when so many inputs were found out of range that a server which picks its results could learn of the key:
   * whether to show more. Default: no.
   */
  readonly allowMore?: (counts: VerdictCounts) => boolean | Promise<boolean>;
}

/** Where the secret key is, how inputs are read, and what security is accepted. */
export interface ClientOptions extends OwnerOptions, InputOptions, SecurityOptions {}

/** Which evaluation keys are made, and how that is followed and stopped. */
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

type Prepared = ReturnType<typeof prepareInput>;

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
   * @param program a program, its folder or one with its client half, or its manifest alone, which suffices for images
   * @throws FileError for a folder that is none, UsageError for the manifest alone of a program for texts, KeyError for a key that others can read, ParameterError below 128-bit security
   * unless `insecure` accepts it, KernelError where no kernels load
   */
  static async create(
    program: string | Program | ProgramManifest,
    { secret, allowMore, insecure, ...options }: ClientOptions = {},
  ): Promise<Client> {
    const security = { insecure };
    const client = await clientProgramOf(program, security);
    const context = await Context.create(parametersOf(client.manifest, security), security);
    try {
      const owner = await ownerOf(secret, context, allowMore ? { allowMore } : {});
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
   * Encrypts an input: a request. Of several inputs the requests, each of as many as the program computes at once
   * (`manifest.batch`). Every request is encrypted afresh.
   * @throws UsageError, DataError for what is no input of this program, before any is encrypted; UsageError when closed
   */
  encrypt(input: Input): Promise<EncryptedRequest>;
  encrypt(inputs: readonly Input[]): Promise<EncryptedRequest[]>;
  async encrypt(inputs: Inputs): Promise<EncryptedRequest | EncryptedRequest[]> {
    this.#open();
    const { manifest, preparation } = this.#client;
    const prepared: Prepared[][] = [];
    for (const batch of batchesOf(inputs, manifest.batch)) {
      const examples: Prepared[] = [];
      for (const input of batch)
        examples.push(prepareInput(preparation, await readInput(input, preparation, this.#options)));
      prepared.push(examples);
    }
    const requests: EncryptedRequest[] = [];
    for (const examples of prepared) requests.push(await this.#encrypt(examples));
    return isList(inputs) ? requests : requests[0]!;
  }

  async #encrypt(examples: readonly Prepared[]): Promise<EncryptedRequest> {
    const file = await encryptInputs(this.#open().secret, this.manifest, examples);
    const bytes = await wireBytes(file);
    return { bytes, ...file.request };
  }

  /**
   * The answer to each input of a request, or of several with their results in the same order. Label and range are plain;
   * scores and logits tell of the secret key, so they are behind `reveal()`, for its owner alone.
   * @throws ResultError for a result of another program, key or request, a damaged one, and one that no server makes which runs
   * the program: before anything is decrypted. KeyUseError where the key has told too much. UsageError when closed
   */
  async decrypt(
    result: Uint8Array | readonly Uint8Array[],
    request: EncryptedRequest | readonly EncryptedRequest[],
  ): Promise<Answers> {
    const results = result instanceof Uint8Array ? [result] : result;
    const requests = 'hash' in request ? [request] : request;
    if (results.length !== requests.length)
      throw new UsageError(`${results.length} results for ${requests.length} requests: give the result of each`);
    const { classes } = this.manifest.model;
    const answers: Answer[] = [];
    for (const [i, { hash, examples }] of requests.entries()) {
      const { secret, ledger, allowMore } = this.#open();
      const verdicts = { ledger, ...(allowMore ? { allowMore } : {}) };
      const binding = { hash, examples };
      const found = await decryptOutputs(secret, this.manifest, binding, pieceOf(results[i]!), 'the result', verdicts);
      answers.push(...found.map((answer) => new Answer(answer, classes)));
    }
    return new Answers(answers);
  }

  /**
   * Goes on with a prompt, token by token, where the program was compiled for it.
   * @param exchange takes a request to whoever runs the program, and gives the result
   * @throws as generateTokens; UsageError when closed
   */
  generate(
    prompt: string | readonly number[],
    exchange: (request: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>,
    options: GenerateOptions = {},
  ): AsyncGenerator<GeneratedToken, GenerationEnd> {
    const owner = this.#open();
    return generateTokens(this.#client, owner, prompt, async (request) => pieceOf(await exchange(request)), options);
  }

  /**
   * The secret key with the counts of what it has told, some 200 bytes: `Client.create` takes them as `secret`. Whoever has
   * them can decrypt: keep them where only the owner reads, and erase them (`bytes.fill(0)`) when they are there.
   * @throws UsageError when closed; errors of the file with the counts
   */
  async exportSecret(): Promise<Uint8Array<ArrayBuffer>> {
    const { secret, ledger } = this.#open();
    return exportedSecret(secret, await ledger.load());
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

function clientProgramOf(
  program: string | Program | ProgramManifest,
  security: SecurityOptions,
): Promise<ClientProgram> {
  if (typeof program === 'string') return readClientProgram(program, security);
  if ('folder' in program) return readClientProgram(program.folder, security);
  const manifest = new TextEncoder().encode(JSON.stringify(program));
  const file = async (name: string) => {
    if (name === manifestFile) return manifest;
    throw new UsageError(`this program's inputs need ${name} beside its manifest: give the program, or the folder of its client half`); // biome-ignore format: short
  };
  return readClientHalf(file, 'the program', security);
}

/** The key that `secret` says, with what is kept beside it. @throws as openOwner and openStoredOwner */
export async function ownerOf(
  secret: OwnerOptions['secret'],
  context: Context,
  asked: Pick<Owner, 'allowMore'>,
): Promise<Owner> {
  if (secret === undefined || typeof secret === 'string')
    return openOwner(secret, context, { option: 'secret', ...asked });
  if (secret instanceof Uint8Array)
    return openStoredOwner({ load: async () => secret, save: async () => {} }, context, asked);
  return openStoredOwner(secret, context, asked);
}
