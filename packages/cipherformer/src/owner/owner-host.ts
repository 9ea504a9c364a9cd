import { given, type OnProgress, UsageError } from '@cipherformer/base';
import { Context, keyParts, nameOfPart, type SecurityOptions, wireBytes } from '@cipherformer/ckks';
import {
  generateTokens,
  type Owner,
  type ProgramChange,
  ProgramChanged,
  ServiceSession,
  type SessionProgress,
  Transport,
} from '@cipherformer/client';
import { fileProgramMemory, fileTokens, nodeFetch } from '@cipherformer/client/node';
import { prepareInput } from '@cipherformer/model';
import {
  type ClientProgram,
  checkKeyBytes,
  decryptOutputs,
  encryptInputs,
  KeyLimitError,
  keySpecsOf,
  type MadePart,
  makeParts,
  manifestFile,
  type PrivateAnswer,
  type ProgramManifest,
  parametersOf,
  readClientHalf,
  readRequest,
  type VerdictCounts,
  type VerdictOptions,
} from '@cipherformer/runtime/client';
import { readClientProgram, readManifest, writeKeyFolder } from '@cipherformer/runtime/client/files';
import { batchesOf } from '../input/input.ts';
import { type ReadInput, readInputs } from '../input/read-input.ts';
import { formOf, type InputForm, tokensSeen } from '../input/seen.ts';
import type { EncryptedRequest, EvaluationKeyPart } from '../thread/between.ts';
import { pieceOf } from '../thread/key-parts.ts';
import type { Ask, CallContext } from '../thread/protocol.ts';
import type {
  AskArgument,
  ConnectArgument,
  CountedArgument,
  DecryptArgument,
  GenerationArgument,
  InputsArgument,
  OpenArgument,
  OwnerQuestion,
  PartsArgument,
  SentAnswer,
  SentSecret,
  WriteKeysArgument,
} from './protocol.ts';
import { openOwner } from './secret-file.ts';
import { type Counted, countedSecret, exportedSecret, openStoredOwner, type StoreCalls } from './secret-store.ts';

/** A program from its client's side. */
interface Opened {
  readonly manifest: ProgramManifest;
  readonly context: Context;
  /** Read when the first input comes: who only decrypts needs no embedding of words. */
  client(): Promise<ClientProgram>;
  /** Of one at a service. */
  readonly session?: ServiceSession;
  readonly url?: string;
  /** It was named by its digest: its owner knows which one it is. */
  readonly isChosen?: boolean;
}

/** So many digits of a digest name one program: none can be made to begin so. */
const choosingDigits = 12;

/** Requests of which the tokens are kept, the last ones. */
const mostRemembered = 1000;

/** Parts of evaluation keys that are being made. */
interface Making {
  readonly parts: AsyncGenerator<MadePart>;
  progress: OnProgress;
}

/** A generation under way. */
interface Generating {
  readonly tokens: ReturnType<typeof generateTokens>;
  readonly stop: AbortController;
  progress: OnProgress;
}

/**
 * The owner of the data in a thread of its own: the secret key, and all that is made, encrypted and decrypted with it. First a
 * program is opened, then the key; calls may overlap.
 */
export class OwnerHost {
  readonly #question: (question: OwnerQuestion) => Promise<unknown>;
  readonly #makings = new Map<number, Making>();
  readonly #generations = new Map<number, Generating>();
  /** The tokens of requests, by their hash, where each has a class: no request says where its text ends. */
  readonly #encrypted = new Map<string, readonly (readonly string[])[]>();
  #number = 0;
  #opened: Opened | undefined;
  #owner: Owner | undefined;
  /** Numbers of the parts by their names. */
  #indices: ReadonlyMap<string, number> | undefined;
  #form: Promise<{ readonly client: ClientProgram; readonly form: InputForm }> | undefined;

  /** @param ask asks an OwnerQuestion */
  constructor(ask: Ask) {
    this.#question = ask;
  }

  /** @throws as Client.create, but for the key */
  async open({ program, insecure }: OpenArgument): Promise<ProgramManifest> {
    const security = { insecure };
    const given = typeof program === 'string' ? undefined : await halfOf(program, security);
    const manifest = given?.manifest ?? (await readManifest(program as string, security));
    const context = await Context.create(parametersOf(manifest, security), security);
    this.#opened = {
      manifest,
      context,
      client: async () => given ?? readClientProgram(program as string, security),
    };
    return manifest;
  }

  /** @throws what ServiceSession.open throws; ConnectionLost where no service answers */
  async connect({ url, program, takes, insecure }: ConnectArgument, { signal }: CallContext): Promise<ProgramManifest> {
    // A service that is not there is told at once; one that goes away later is waited for.
    await new Transport(url, { signal, fetch: nodeFetch, retry: { attempts: 1 } }).programs();
    const transport = new Transport(url, { fetch: nodeFetch, tokens: fileTokens(url) });
    const session = await ServiceSession.open(transport, { insecure, ...given({ program, takes }) });
    const { client, context } = session;
    this.#opened = {
      manifest: client.manifest,
      context,
      client: async () => client,
      session,
      url,
      isChosen: program !== undefined && program.length >= choosingDigits && session.program.digest.startsWith(program),
    };
    return client.manifest;
  }

  /** Of a search: the texts of its documents. @throws as Client.create */
  async documents(): Promise<readonly string[] | undefined> {
    return (await this.#opened!.client()).documents;
  }

  /** Opens the secret key, or makes one. Gives its id. @throws as openOwner and openStoredOwner */
  async own(secret: SentSecret): Promise<string> {
    const { context } = this.#opened!;
    this.#owner =
      secret === undefined || 'file' in secret
        ? { ...(await openOwner(secret?.file, context)), ...this.#programsBeside(secret?.file) }
        : await openStoredOwner(secret.bytes, secret.save ? this.#store : undefined, context);
    return this.#owner.secret.id;
  }

  /** Which programs of a service were used with the secret key of a file. */
  #programsBeside(file: string | undefined): Pick<Owner, 'programs'> {
    const { url } = this.#opened!;
    return file === undefined || url === undefined ? {} : { programs: fileProgramMemory(file, url) };
  }

  readonly #store: StoreCalls = {
    save: async (secret) => void (await this.#question({ what: 'save', secret })),
    count: async (entry) => (await this.#question({ what: 'count', entry })) as VerdictCounts,
  };

  /** What a store is to keep, and the counts in it. @throws as countedSecret */
  async counted({ kept, entry }: CountedArgument): Promise<Counted> {
    return countedSecret(this.#owner!.secret, kept, entry);
  }

  /** Begins to make the parts of the evaluation keys. Gives a number for `nextPart`. */
  async openParts({ have }: PartsArgument): Promise<number> {
    const { secret, memory } = this.#owner!;
    const parts = makeParts(secret, keySpecsOf(this.#opened!.manifest), memory, {
      ...(have ? { present: have } : {}),
      progress: (told) => making.progress(told),
    });
    const making: Making = { parts, progress: () => {} };
    this.#makings.set(++this.#number, making);
    return this.#number;
  }

  /** The next part that is not there; undefined behind the last one. @throws as makeParts */
  async nextPart(number: number, { progress }: CallContext): Promise<EvaluationKeyPart | undefined> {
    const making = this.#makings.get(number)!;
    making.progress = progress;
    const { value, done } = await making.parts.next();
    if (done) return undefined;
    const { part, sha256, bytes } = value;
    const { context, manifest } = this.#opened!;
    this.#indices ??= new Map(keyParts(context.parameters, keySpecsOf(manifest)).map((one, i) => [nameOfPart(one), i]));
    return { index: this.#indices.get(nameOfPart(part))!, sha256, bytes };
  }

  async closeParts(number: number): Promise<void> {
    await this.#makings.get(number)?.parts.return(undefined);
    this.#makings.delete(number);
  }

  /** Makes the evaluation keys in a folder. @throws as writeKeyFolder; KeyLimitError */
  async writeKeys({ folder, maxKeyBytes }: WriteKeysArgument, { progress, signal }: CallContext): Promise<void> {
    const { secret, memory } = this.#owner!;
    await writeKeyFolder(folder, secret, keySpecsOf(this.#opened!.manifest), memory, {
      progress,
      signal,
      agree: (bytes) => this.#allowKeys(bytes, maxKeyBytes),
    });
  }

  /** Gives a request a batch. @throws as Client.encrypt */
  async encrypt(argument: InputsArgument): Promise<EncryptedRequest[]> {
    const { secret } = this.#owner!;
    const { manifest } = this.#opened!;
    const { client, inputs } = await this.#read(argument);
    const requests: EncryptedRequest[] = [];
    for (const batch of batchesOf(inputs, manifest.batch)) {
      const examples = batch.map(({ given }) => prepareInput(client.preparation, given));
      const file = await encryptInputs(secret, manifest, examples);
      requests.push({ bytes: await wireBytes(file), ...file.request });
      this.#remember(file.request.hash, await this.#tokensOf(batch));
    }
    return requests;
  }

  /** @throws as Client.decrypt */
  async decrypt({ result, request }: DecryptArgument): Promise<SentAnswer[]> {
    const { secret } = this.#owner!;
    const { manifest } = this.#opened!;
    const described =
      request instanceof Uint8Array ? await readRequest(manifest, secret.id, pieceOf(request), 'the request') : request;
    const answers = await decryptOutputs(secret, manifest, described, pieceOf(result), 'the result', this.#verdicts());
    const tokens = this.#encrypted.get(described.hash);
    return answers.map((answer, i) => ({ ...sent(answer), tokens: tokens?.[i] }));
  }

  /** Asks the service. @throws what ServiceSession.ask throws */
  async ask({ maxKeyBytes, ...argument }: AskArgument, { progress, signal }: CallContext): Promise<SentAnswer[]> {
    const { session } = this.#opened!;
    const { inputs } = await this.#read(argument);
    const reply = await session!.ask({ ...this.#owner!, ...this.#verdicts() }, inputs.map(({ given }) => given), {
      signal,
      agree: (bytes) => this.#allowKeys(bytes, maxKeyBytes),
      agreeChange: (change) => this.#allowChange(change),
      progress: ({ sentBytes, place = 0, ...others }) => {
        const sentSoFar = sentBytes === undefined ? undefined : `${Math.round(sentBytes / 2 ** 20)} MiB sent`;
        progress({ ...others, detail: place > 0 ? `${place} before this question` : sentSoFar });
      },
    }); // biome-ignore format: one call
    const tokens = await this.#tokensOf(inputs);
    return reply.answers.map((answer, i) => ({ ...sent(answer), tokens: tokens?.[i] }));
  }

  /** Begins a generation. Gives a number for `nextToken`. @throws as generateTokens */
  async openGeneration({ prompt, maxKeyBytes, ...drawing }: GenerationArgument): Promise<number> {
    const { session, client } = this.#opened!;
    const number = ++this.#number;
    const stop = new AbortController();
    const exchange = async (request: Uint8Array<ArrayBuffer>): Promise<Uint8Array> => {
      if (!session) return (await this.#question({ what: 'exchange', generation: number, request })) as Uint8Array;
      const work = {
        signal: stop.signal,
        agree: (bytes: number) => this.#allowKeys(bytes, maxKeyBytes),
        agreeChange: (change: ProgramChange) => this.#allowChange(change),
        progress: ({ sentBytes: _, place: __, sample: ___, ...told }: SessionProgress) => generation.progress(told),
      };
      return session.exchange(await session.ensureKeys(this.#owner!, work), request, work);
    };
    const owner = { ...this.#owner!, ...this.#verdicts() };
    const options = { ...drawing, signal: stop.signal };
    const tokens = generateTokens(await client(), owner, prompt, async (request) => pieceOf(await exchange(request)), options); // biome-ignore format: one call
    const generation: Generating = { tokens, stop, progress: () => {} };
    this.#generations.set(number, generation);
    return number;
  }

  /** The next token, or how it ended. @throws as generateTokens */
  async nextToken(number: number, { progress, signal }: CallContext) {
    const generation = this.#generations.get(number)!;
    generation.progress = progress;
    const abort = () => generation.stop.abort(signal.reason);
    signal.addEventListener('abort', abort);
    try {
      return await generation.tokens.next();
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  async closeGeneration(number: number): Promise<void> {
    this.#generations.delete(number);
  }

  /** The secret key with its counts, as bytes. */
  async exportSecret(): Promise<Uint8Array<ArrayBuffer>> {
    const { secret, ledger } = this.#owner!;
    return exportedSecret(secret, await ledger.load());
  }

  /** Erases the secret key, and releases all memory: that of the kernels outlives a thread. */
  async close(): Promise<void> {
    this.#owner?.secret[Symbol.dispose]();
    this.#opened?.context[Symbol.dispose]();
  }

  #remember(hash: string, tokens: readonly (readonly string[])[] | undefined): void {
    if (!tokens) return;
    this.#encrypted.set(hash, tokens);
    const [oldest] = this.#encrypted.keys();
    if (this.#encrypted.size > mostRemembered) this.#encrypted.delete(oldest!);
  }

  /** The tokens of texts each of which has a class; undefined of other programs. */
  async #tokensOf(inputs: readonly ReadInput[]): Promise<readonly (readonly string[])[] | undefined> {
    if (this.#opened!.manifest.model.task !== 'token-classification') return undefined;
    const { form } = await this.#form!;
    return inputs.map(({ seen }) => tokensSeen(seen, form));
  }

  async #read({ inputs, resize = false }: InputsArgument) {
    this.#form ??= this.#opened!.client().then((client) => ({ client, form: formOf(client.preparation) }));
    const { client, form } = await this.#form;
    const notice = async (text: string) => void (await this.#question({ what: 'notice', text }));
    const read: ReadInput[] = await readInputs(inputs, form, { resize, notice });
    return { client, inputs: read };
  }

  async #allowKeys(bytes: number, most: number | undefined): Promise<void> {
    try {
      checkKeyBytes(bytes, most);
    } catch (error) {
      if (!(error instanceof KeyLimitError && (await this.#question({ what: 'allow-keys', bytes })))) throw error;
    }
  }

  async #allowChange(change: ProgramChange): Promise<void> {
    if (this.#opened!.isChosen) return;
    if (!(await this.#question({ what: 'allow-change', change }))) throw new ProgramChanged(change);
  }

  #verdicts(): VerdictOptions {
    const allowMore = async (counts: Parameters<NonNullable<VerdictOptions['allowMore']>>[0]) =>
      (await this.#question({ what: 'allow-more', counts })) === true;
    return { ledger: this.#owner!.ledger, allowMore };
  }
}

const sent = (answer: PrivateAnswer): SentAnswer => ({ logits: answer.reveal().logits, reason: answer.reason });

/** A manifest alone: whole for images, whose preparation it has. */
function halfOf(program: ProgramManifest, security: SecurityOptions): Promise<ClientProgram> {
  const manifest = new TextEncoder().encode(JSON.stringify(program));
  const file = async (name: string) => {
    if (name === manifestFile) return manifest;
    throw new UsageError(`this program needs ${name} beside its manifest: give the program, or the folder of its client half`); // biome-ignore format: short
  };
  return readClientHalf(file, 'the program', security);
}
