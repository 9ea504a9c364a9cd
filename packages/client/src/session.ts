import type { OnProgress, Progress } from '@cipherformer/base';
import {
  Context,
  type KeySpec,
  keyParts,
  type LoadOptions,
  nameOfPart,
  type SecretKey,
  type SecurityOptions,
  wireBytes,
} from '@cipherformer/ckks';
import { inputPreparer, type ModelInput } from '@cipherformer/model';
import {
  type ClientProgram,
  checkKeyBytes,
  decryptOutputs,
  encryptInputs,
  keyListFormat,
  keySpecsOf,
  makeKeyList,
  makeParts,
  type PartMemory,
  type PrivateAnswer,
  parametersOf,
  type RequestDescription,
  readClientHalf,
  type VerdictOptions,
} from '@cipherformer/runtime/client';
import { JobFailed, KeysRejected, type ProgramChange, ServiceError, TransportError } from './errors.ts';
import { type AgreeChange, meetProgram, type ProgramMemory, refuseChange } from './programs-seen.ts';
import { type Job, type Keyset, maxMissingBatch, type Program, stepProblemOf } from './protocol.ts';
import type { Transport } from './transport.ts';
import { uploadParts } from './upload.ts';

const noParts = { keptParts: 0, newParts: 0, newBytes: 0 };

/** What a session is doing, in this order. */
export type SessionStage =
  | 'keys'
  | 'verifying'
  | 'encrypting'
  | 'sending'
  | 'queued'
  | 'loading'
  | 'running'
  | 'decrypting';

/** `done` counts parts that the service has, or steps of a check or a run; the service predicts `secondsLeft`. */
export interface SessionProgress extends Progress<SessionStage> {
  /** Bytes of keys that were sent. */
  readonly sentBytes?: number;
  /** While queued: how many tasks come before. */
  readonly place?: number;
  /** While sending: some bytes from the middle of the request, as the service sees it. */
  readonly sample?: Uint8Array;
}

export interface SessionOptions {
  readonly progress?: OnProgress<SessionProgress>;
  /** Ends the work between two steps, and what is under way on the line at once. */
  readonly signal?: AbortSignal;
  /**
   * Asked with the bytes of the keys that the service does not have, before any is made; throws for no. Whoever wrote the
   * program chose how many there are. Default: no above 4 GiB.
   */
  readonly agree?: (bytes: number) => Promise<void>;
  /**
   * Asked about a program in the place of one that was used before, before any key is made for it; throws for no. Default: no.
   */
  readonly agreeChange?: AgreeChange;
}

/** Which of a service's programs is asked. */
export interface ProgramChoice {
  /** Its name, its digest, or the beginning of that. Default: the only one. */
  readonly program?: string;
  /** Where that leaves several: the one that takes such inputs, if there is one. */
  readonly takes?: 'image' | 'text';
}

/** A secret key with what is kept beside it. */
export interface Owner extends Pick<VerdictOptions, 'ledger' | 'allowMore'> {
  readonly secret: SecretKey;
  readonly memory: PartMemory;
  /** Default: nothing is remembered, and so no change is noticed. */
  readonly programs?: ProgramMemory;
}

/** A question that a service has, as far as reading its answer needs it: nothing secret, and JSON. */
export interface Submitted {
  readonly job: string;
  readonly request: RequestDescription;
  readonly requestBytes: number;
}

/** What a question gave, and what went over the line. */
export interface Reply {
  readonly answers: readonly PrivateAnswer[];
  readonly requestBytes: number;
  readonly resultBytes: number;
}

/** Of a request, to be shown. */
const sampleBytes = 1024;

/** How often keys are sent again that the service no longer has when they are committed. */
const commitTries = 3;

/**
 * One program of a service, from the data owner's side: keys, questions, answers. Runs where the secret is, in browsers in
 * a worker: making keys and encrypting block it.
 */
export class ServiceSession {
  readonly program: Program;
  readonly client: ClientProgram;
  /** Of the program's parameters: what `SecretKey.fromMaster` takes. */
  readonly context: Context;
  readonly #transport: Transport;
  /** All that the service has. */
  readonly #served: readonly Program[];

  private constructor(
    transport: Transport,
    served: readonly Program[],
    program: Program,
    client: ClientProgram,
    context: Context,
  ) {
    this.#transport = transport;
    this.#served = served;
    this.program = program;
    this.client = client;
    this.context = context;
  }

  /**
   * Fetches the client's half of a program and checks it.
   * @throws TransportError where none or several are served and neither says which, FileError for a half that is
   * not legal, ParameterError below 128-bit security unless `insecure` accepts it, KernelError where no kernels load
   */
  static async open(
    transport: Transport,
    options: ProgramChoice & { readonly kernels?: LoadOptions } & SecurityOptions = {},
  ): Promise<ServiceSession> {
    const { insecure, kernels = {} } = options;
    const served = await transport.programs();
    const program = chosen(served, options);
    const client = await readClientHalf((name) => transport.clientFile(program, name), 'the service', {
      insecure,
    });
    if (client.manifest.digest !== program.digest || client.manifest.keys.plan !== program.plan)
      throw new TransportError('the service gives a program under the name of another: do not use it');
    const context = await Context.create(parametersOf(client.manifest, { insecure }), { ...kernels, insecure });
    return new ServiceSession(transport, served, program, client, context);
  }

  /** The keys that the program needs. */
  get specs(): KeySpec[] {
    return keySpecsOf(this.client.manifest);
  }

  /**
   * Makes the parts of keys that the service does not have, sends each before the next ones are made, and waits until the
   * service has checked them. Can be stopped and begun again at any moment: nothing is sent twice.
   * @throws ProgramChanged, KeysRejected, ServiceError, TransportError, KeyError for a secret of version 1, KeyLimitError by `agree`; the signal's reason
   * @returns the id of the key set
   */
  async ensureKeys(owner: Owner, options: SessionOptions = {}): Promise<string> {
    const covering = await this.#coveringKeyset(owner.secret.id);
    if (covering !== undefined) {
      await this.#meet(owner, noParts, options);
      return covering;
    }
    const open = () =>
      this.#transport.openKeyset({ plan: this.program.plan, key: owner.secret.id, format: keyListFormat });
    let keyset = await open();
    if (keyset.state === 'rejected') {
      // Of an earlier time: its parts may have been damaged on the way or there.
      await this.#transport.deleteKeyset(keyset.id);
      keyset = await open();
    }
    if (keyset.state === 'open') keyset = await this.#send(keyset.id, owner, options);
    else await this.#meet(owner, noParts, options);
    if (keyset.state === 'verifying')
      keyset = await this.#transport.verified(keyset.id, ({ done = 0, total = 0 }: Keyset) => {
        options.signal?.throwIfAborted();
        options.progress?.({ what: 'verifying', done, total });
      });
    if (keyset.state === 'rejected') throw new KeysRejected(keyset.reason ?? 'no reason given');
    return keyset.id;
  }

  /** A key set of another program that has all keys of this one, made with the same secret. */
  async #coveringKeyset(key: string): Promise<string | undefined> {
    const { covering = [] } = this.program;
    if (covering.length === 0) return undefined;
    const keysets = await this.#transport.keysets();
    const isReady = (one: Keyset) => one.state === 'ready' && one.key === key && covering.includes(one.plan);
    // One of its own comes first: it may be there already.
    return keysets.some(({ plan }) => plan === this.program.plan) ? undefined : keysets.find(isReady)?.id;
  }

  /**
   * Asks: prepares and encrypts inputs, a request for as many as the program computes at once, waits for the results and decrypts
   * them. Every request is encrypted afresh. Nothing is decrypted before all was asked and answered: a verdict must not keep back
   * or hold up the next request, which the service would see.
   * @throws what `submit` and `answer` throw
   */
  async ask(owner: Owner, inputs: readonly ModelInput[], options: SessionOptions = {}): Promise<Reply> {
    const { signal } = options;
    const transport = signal ? this.#transport.until(signal) : this.#transport;
    const session = new ServiceSession(transport, this.#served, this.program, this.client, this.context);
    const { batch } = this.client.manifest;
    const answered: { submitted: Submitted; result: Uint8Array<ArrayBuffer> }[] = [];
    for (let at = 0; at === 0 || at < inputs.length; at += batch) {
      const submitted = await session.submit(owner, inputs.slice(at, at + batch), options);
      answered.push({ submitted, result: await session.#resultOf(submitted.job, options) });
    }
    const replies: Reply[] = [];
    for (const { submitted, result } of answered) replies.push(await session.#read(owner, submitted, result, options));
    return {
      answers: replies.flatMap(({ answers }) => answers),
      requestBytes: replies.reduce((sum, { requestBytes }) => sum + requestBytes, 0),
      resultBytes: replies.reduce((sum, { resultBytes }) => sum + resultBytes, 0),
    };
  }

  /**
   * The first half of `ask`: encrypts inputs, as many as the program computes at once at most, and sends them.
   * @throws what ensureKeys throws, errors of inputPreparer and encryptInputs
   */
  async submit(owner: Owner, inputs: readonly ModelInput[], options: SessionOptions = {}): Promise<Submitted> {
    const { progress } = options;
    const { manifest, preparation } = this.client;
    // First: gigabytes of keys are not made for a question that cannot be asked.
    const prepare = await inputPreparer(preparation);
    const examples = inputs.map(prepare);
    const keyset = await this.ensureKeys(owner, options);
    progress?.({ what: 'encrypting', done: 0, total: 1 });
    const file = await encryptInputs(owner.secret, manifest, examples);
    const bytes = await wireBytes(file);
    const sample = bytes.slice(bytes.length >> 1, (bytes.length >> 1) + sampleBytes);
    progress?.({ what: 'sending', done: 0, total: 1, sample });
    const { id } = await this.#transport.submit(this.program.digest, keyset, bytes);
    return { job: id, request: file.request, requestBytes: bytes.length };
  }

  /**
   * The second half of `ask`, also by another process than the one that submitted: waits for the result and decrypts it. A
   * signal that aborts takes the question back from the service.
   * @throws JobFailed, ServiceError 'unknown-job' where the service no longer has it, errors of decryptOutputs
   */
  async answer(owner: Owner, submitted: Submitted, options: SessionOptions = {}): Promise<Reply> {
    return this.#read(owner, submitted, await this.#resultOf(submitted.job, options), options);
  }

  async #read(
    owner: Owner,
    { request, requestBytes }: Submitted,
    result: Uint8Array<ArrayBuffer>,
    { progress }: SessionOptions,
  ): Promise<Reply> {
    progress?.({ what: 'decrypting', done: 0, total: 1 });
    const { ledger, allowMore } = owner;
    const answers = await decryptOutputs(owner.secret, this.client.manifest, request, once(result), 'the result', {
      ledger,
      ...(allowMore ? { allowMore } : {}),
      pairedByProgram: true,
    });
    return { answers, requestBytes, resultBytes: result.length };
  }

  /**
   * Sends a request, made here for a program that generates, under a key set that the service has, and waits for its result.
   * @throws JobFailed, ServiceError, TransportError; the signal's reason
   */
  async exchange(
    keyset: string,
    request: Uint8Array<ArrayBuffer>,
    options: SessionOptions = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    options.progress?.({ what: 'sending', done: 0, total: 1 });
    const { id } = await this.#transport.submit(this.program.digest, keyset, request);
    return this.#resultOf(id, options);
  }

  /** Waits for a result and fetches it; an aborted signal takes the question back. */
  async #resultOf(job: string, options: SessionOptions): Promise<Uint8Array<ArrayBuffer>> {
    try {
      await this.#finished(job, options);
    } catch (error) {
      // Nobody waits for the answer any more; where the service cannot be told, it computes in vain.
      if (options.signal?.aborted) await this.#transport.abandon(job).catch(() => {});
      throw error;
    }
    const result = await this.#transport.result(job);
    // The service need not keep it. It is told before the secret key touches the result, whatever comes of that: nothing that
    // it sees may depend on the verdict. That it could not be told is no fault of the answer.
    await this.#transport.acknowledge(job);
    return result;
  }

  close(): void {
    this.context[Symbol.dispose]();
  }

  async #finished(id: string, { progress, signal }: SessionOptions): Promise<void> {
    for await (const job of this.#transport.events(id)) {
      signal?.throwIfAborted();
      report(job, progress);
      if (job.state !== 'failed' && job.state !== 'cancelled') continue;
      const { reason = `it was ${job.state}` } = job;
      throw new JobFailed(reason, stepProblemOf(reason));
    }
  }

  async #send(id: string, owner: Owner, options: SessionOptions): Promise<Keyset> {
    const { progress, signal, agree = async (bytes) => checkKeyBytes(bytes) } = options;
    const { memory, secret } = owner;
    const { parameters } = this.context;
    const all = keyParts(parameters, this.specs);
    const parts = all.map(nameOfPart);
    for (let attempt = 1; ; attempt++) {
      const present = await this.#present(
        id,
        parts.flatMap((name) => memory.get(name) ?? []),
      );
      const missing = all.filter((_, i) => !present.has(memory.get(parts[i]!) ?? ''));
      const there = parts.length - missing.length;
      const bytes = missing.reduce((sum, part) => sum + part.bytes, 0);
      if (attempt === 1)
        await this.#meet(owner, { keptParts: there, newParts: missing.length, newBytes: bytes }, options);
      await agree(bytes);
      progress?.({ what: 'keys', done: there, total: parts.length, sentBytes: 0 });
      const made = makeParts(secret, this.specs, memory, { present, ...(signal ? { signal } : {}) });
      await uploadParts(this.#transport, id, made, {
        progress: ({ done, sentBytes }) =>
          progress?.({ what: 'keys', done: there + done, total: parts.length, sentBytes }),
        ...(signal ? { signal } : {}),
      });
      const list = makeKeyList(parameters, secret.id, this.specs, (part) => memory.get(nameOfPart(part))!);
      try {
        return await this.#transport.commit(id, list);
      } catch (error) {
        const gone = error instanceof ServiceError && error.problem === 'parts-missing' && attempt < commitTries;
        if (!gone) throw error;
      }
    }
  }

  /** Notes that the owner uses this program. @throws what `agreeChange` throws, before any key is made */
  async #meet(
    { programs: memory }: Owner,
    parts: Pick<ProgramChange, 'keptParts' | 'newParts' | 'newBytes'>,
    { agreeChange = refuseChange }: SessionOptions,
  ): Promise<void> {
    const { name, task } = this.client.manifest.model;
    const { digest, plan } = this.program;
    const met = { name: `${name} (${task})`, now: { digest, plan }, ...parts };
    if (memory) await meetProgram(memory, met, this.#served, agreeChange);
  }

  /** Which of these the service has. */
  async #present(id: string, digests: readonly string[]): Promise<Set<string>> {
    const present = new Set(digests);
    for (let at = 0; at < digests.length; at += maxMissingBatch)
      for (const missing of await this.#transport.missing(id, digests.slice(at, at + maxMissingBatch)))
        present.delete(missing);
    return present;
  }
}

function chosen(programs: readonly Program[], { program: wanted = '', takes }: ProgramChoice): Program {
  const named = programs.filter(({ digest, summary }) => digest.startsWith(wanted) || summary.name === wanted);
  const takesImages = ({ summary }: Program) => summary.task === 'image-classification';
  const fitting = takes && named.length > 1 ? named.filter((one) => takesImages(one) === (takes === 'image')) : named;
  if (fitting.length === 1) return fitting[0]!;
  const served = programs.map(({ digest, summary }) => `${digest.slice(0, 12)} (${String(summary.name ?? 'no name')})`);
  throw new TransportError(
    programs.length === 0
      ? 'the service serves no program'
      : `${named.length === 0 ? `no program of the service is called ${wanted} or begins with it` : 'the service serves several programs'}: choose one of ${served.join(', ')}`,
  );
}

function report({ state, done = 0, total = 0, secondsLeft, place }: Job, progress: SessionOptions['progress']): void {
  if (state !== 'queued' && state !== 'loading' && state !== 'running') return;
  progress?.({
    what: state,
    done,
    total,
    ...(secondsLeft === undefined ? {} : { secondsLeft }),
    ...(place === undefined ? {} : { place }),
  });
}

async function* once(bytes: Uint8Array<ArrayBuffer>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield bytes;
}
