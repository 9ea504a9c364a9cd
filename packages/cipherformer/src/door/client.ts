import { type OnProgress, UsageError } from '@cipherformer/base';
import { keyParts, keyWireBytes, type SecurityOptions } from '@cipherformer/ckks';
import type { GeneratedToken, GenerationEnd, ProgramChange } from '@cipherformer/client';
import {
  answerFormOf,
  checkKeyBytes,
  keySpecsOf,
  PrivateAnswer,
  type ProgramManifest,
  parametersOf,
  type VerdictCounts,
} from '@cipherformer/runtime/client';
import { checkKeyRoom } from '@cipherformer/runtime/client/files';
import { type Input, type InputOptions, type Inputs, listOf } from '../input/input.ts';
import { OwnerThread } from '../owner/owner-thread.ts';
import type { SentAnswer } from '../owner/protocol.ts';
import type { SecretStore } from '../owner/secret-store.ts';
import type { EncryptedRequest, EvaluationKeyPart, EvaluationKeys } from '../thread/between.ts';
import { Answer, Answers } from './answer.ts';
import { drawingOf, type GenerationOptions } from './generation.ts';
import type { Program } from './program.ts';

/** Where a secret key is, and what it may tell. */
export interface OwnerOptions {
  /**
   * Where the secret key is, with the counts of what it has told. A path: a file that its owner alone can read, the counts
   * beside it; or a function that gives one for a program, since programs of the same parameters can share a key. A store of the
   * caller's. Bytes of `exportSecret`: then neither key nor counts are kept. Where a file or store has none, a new key is made
   * there. Default: a new key that ends with this process.
   */
  readonly secret?: string | ((manifest: ProgramManifest) => string) | SecretStore | Uint8Array;
  /**
   * Asked when so many inputs were found out of range that a server which picks its results could learn of the key:
   * whether to show more. Default: no.
   */
  readonly allowMore?: (counts: VerdictCounts) => boolean | Promise<boolean>;
  /** Asked with the bytes of evaluation keys beyond the most that may be made: whether to make them nevertheless. Default: no. */
  readonly allowKeys?: (bytes: number) => boolean | Promise<boolean>;
  /**
   * Asked where a service has another program under the name of one that the secret key of a file was used with, before keys are
   * made for it: whether to go on. Not asked where `connect` is given 12 digits of its digest or more. Default: no.
   */
  readonly allowChange?: (change: ProgramChange) => boolean | Promise<boolean>;
}

/** Where the secret key is, how inputs are read, and what security is accepted. */
export interface ClientOptions extends OwnerOptions, InputOptions, SecurityOptions {}

/** How evaluation keys are made, and how that is followed and stopped. */
export interface KeyMakingOptions {
  /** Most bytes of all keys: whoever compiled the program chose how many there are. Default: 4 GiB. */
  readonly maxBytes?: number;
  /** After each part. */
  readonly progress?: OnProgress;
  /** Looked at between the parts. */
  readonly signal?: AbortSignal;
}

/** Which evaluation keys are made, and how. */
export interface EvaluationKeyOptions extends KeyMakingOptions {
  /** SHA-256 of parts that the server has: they are left out. */
  readonly have?: ReadonlySet<string>;
}

/** Evaluation keys where they are made. */
export interface MadeEvaluationKeys extends EvaluationKeys {
  /** Of all parts, those included that the server has. */
  readonly bytes: number;
  /** How many there are, those included that the server has. */
  readonly parts: number;
}

/**
 * The owner of the data: holds the secret key, encrypts inputs and decrypts answers. Needs a program's client half alone. It
 * works in a thread of its own, where the secret key is, so the event loop here stays alive. A client that is not closed does
 * not keep the process alive.
 */
export class Client implements AsyncDisposable {
  /** What everybody may know of the program. */
  readonly manifest: ProgramManifest;
  readonly #owner: OwnerThread;
  readonly #key: string;
  readonly #options: ClientOptions;
  #closing: Promise<void> | undefined;

  private constructor(manifest: ProgramManifest, owner: OwnerThread, key: string, options: ClientOptions) {
    this.manifest = manifest;
    this.#owner = owner;
    this.#key = key;
    this.#options = options;
  }

  /**
   * @param program a program, its folder or one with its client half, or its manifest alone, which suffices for images
   * @throws FileError for a folder that is none, UsageError for the manifest alone of a program for texts, KeyError for a key that others can read, ParameterError below 128-bit security
   * unless `insecure` accepts it, KernelError where no kernels load; errors of the store
   */
  static async create(program: string | Program | ProgramManifest, options: ClientOptions = {}): Promise<Client> {
    const { secret, insecure } = options;
    const owner = new OwnerThread(options);
    try {
      const source = typeof program === 'object' && 'folder' in program ? program.folder : program;
      const manifest = await owner.open({ program: source, insecure });
      return new Client(manifest, owner, await owner.own(secretFor(secret, manifest)), options);
    } catch (error) {
      await owner.close();
      throw error;
    }
  }

  /**
   * The evaluation keys that a server needs, made part by part as they are taken: gigabytes at full security, once for all
   * programs with the same keys. They are public.
   * @throws KeyLimitError for a program that asks for more than `maxBytes`, UsageError when closed; the signal's reason on the way
   */
  evaluationKeys(options: EvaluationKeyOptions = {}): MadeEvaluationKeys {
    this.#open();
    const parameters = parametersOf(this.manifest, this.#options);
    const specs = keySpecsOf(this.manifest);
    const bytes = keyWireBytes(parameters, specs);
    checkKeyBytes(bytes, options.maxBytes);
    const parts = keyParts(parameters, specs).length;
    return { key: this.#key, bytes, parts, [Symbol.asyncIterator]: () => this.#parts(options) };
  }

  async *#parts({ have, progress, signal }: EvaluationKeyOptions): AsyncGenerator<EvaluationKeyPart> {
    const making = await this.#open().openParts({ have });
    try {
      for (;;) {
        const part = await this.#open().nextPart(making, { progress, signal });
        if (!part) return;
        yield part;
      }
    } finally {
      if (!this.#closing) await this.#owner.closeParts(making);
    }
  }

  /**
   * Makes the evaluation keys in a folder, which `Server.loadKeys` takes: parts that are there are not made again, and those for
   * other programs of this key stay. Stopped or interrupted, the same call goes on.
   * @throws StorageError, before any is made, where the disk has no room; FileError for a folder with keys of another secret;
   * KeyLimitError for more than `maxBytes`, UsageError when closed; the signal's reason
   */
  async writeEvaluationKeys(folder: string, { maxBytes, ...options }: KeyMakingOptions = {}): Promise<void> {
    const owner = this.#open();
    await checkKeyRoom(folder, this.manifest.keys.wireBytes);
    await owner.writeKeys({ folder, maxKeyBytes: maxBytes }, options);
  }

  /**
   * Encrypts an input: a request. Of several inputs the requests, each of as many as the program computes at once
   * (`manifest.batch`). Every request is encrypted afresh.
   * @throws UsageError, DataError for what is no input of this program, before any is encrypted; UsageError when closed
   */
  encrypt(input: Input): Promise<EncryptedRequest>;
  encrypt(inputs: readonly Input[]): Promise<EncryptedRequest[]>;
  async encrypt(inputs: Inputs): Promise<EncryptedRequest | EncryptedRequest[]> {
    const { resize } = this.#options;
    const requests = await this.#open().encrypt({ inputs: listOf(inputs), resize });
    return Array.isArray(inputs) ? requests : requests[0]!;
  }

  /**
   * The answer to each input of a request, or of several with their results in the same order. Label and range are plain;
   * scores and logits tell of the secret key, so they are behind `reveal()`, for its owner alone.
   * @param request what `encrypt` gave, or its bytes
   * @throws ResultError for a result of another program, key or request, a damaged one, and one that no server makes which runs
   * the program: before anything is decrypted. FileError, MismatchError for bytes that are no request of this program and key.
   * KeyUseError where the key has told too much. UsageError when closed
   */
  async decrypt(
    result: Uint8Array | readonly Uint8Array[],
    request: EncryptedRequest | Uint8Array | readonly (EncryptedRequest | Uint8Array)[],
  ): Promise<Answers> {
    const results = result instanceof Uint8Array ? [result] : result;
    const requests = isOne(request) ? [request] : request;
    if (results.length !== requests.length)
      throw new UsageError(`${results.length} results for ${requests.length} requests: give the result of each`);
    const answers: SentAnswer[] = [];
    for (const [i, one] of requests.entries()) {
      const described = one instanceof Uint8Array ? one : { hash: one.hash, examples: one.examples };
      answers.push(...(await this.#open().decrypt({ result: results[i]!, request: described })));
    }
    return answersOf(answers, this.manifest, await this.#open().names(this.manifest));
  }

  /**
   * Goes on with a prompt, token by token, where the program was compiled for it.
   * @param exchange takes a request to whoever runs the program, and gives the result
   * @throws as generateTokens; UsageError when closed
   */
  generate(
    prompt: string | readonly number[],
    exchange: (request: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>,
    options: GenerationOptions = {},
  ): AsyncGenerator<GeneratedToken, GenerationEnd> {
    return this.#open().generate({ prompt, ...drawingOf(options), maxKeyBytes: undefined }, options, exchange);
  }

  /**
   * The secret key with the counts of what it has told, some 200 bytes: `Client.create` takes them as `secret`. Whoever has
   * them can decrypt: keep them where only the owner reads, and erase them (`bytes.fill(0)`) when they are there.
   * @throws UsageError when closed; errors of the file with the counts
   */
  async exportSecret(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#open().exportSecret();
  }

  /** Has the secret key erased from memory, and ends the thread; one in a file stays there. */
  close(): Promise<void> {
    this.#closing ??= this.#owner.close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #open(): OwnerThread {
    if (this.#closing) throw new UsageError('the client is closed, its secret key is erased: create another');
    return this.#owner;
  }
}

const isOne = (
  request: EncryptedRequest | Uint8Array | readonly (EncryptedRequest | Uint8Array)[],
): request is EncryptedRequest | Uint8Array => !Array.isArray(request);

/** Where the key for a program is. */
export const secretFor = (secret: OwnerOptions['secret'], manifest: ProgramManifest) =>
  typeof secret === 'function' ? secret(manifest) : secret;

/** Answers as their owner gets them. */
export function answersOf(
  answers: readonly SentAnswer[],
  manifest: ProgramManifest,
  classes: readonly string[] | undefined,
): Answers {
  const form = { ...answerFormOf(manifest), classes };
  return new Answers(
    answers.map(({ tokens, ...answer }) => new Answer(new PrivateAnswer({ ...answer, ...form }), { ...form, tokens })),
    form.kind,
  );
}
