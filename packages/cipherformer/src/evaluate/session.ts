import { join } from 'node:path';
import type { OnProgress } from '@cipherformer/base';
import { type Ciphertext, Context, Decryptor, SecretKey, type SecurityOptions } from '@cipherformer/ckks';
import { readSecretKey } from '@cipherformer/ckks/files';
import { defaultCosts, measureReference, type OpenProgram } from '@cipherformer/compiler';
import {
  decryptOutputs,
  derivedKeys,
  encryptInputs,
  keySpecsOf,
  MemoryVerdictLedger,
} from '@cipherformer/runtime/client';
import {
  type CkksMachine,
  type CkksOptions,
  type InstructionTiming,
  type LoadedKeys,
  loadKeys,
  openKeyFolder,
  outputsFile,
  readInputs,
  runCkks,
} from '@cipherformer/runtime/server';
import { peakMemoryBytes, resetPeakMemory } from '../measure/peak-memory.ts';

/** One encrypted question and what it took: of a batch, seconds are the run's divided by the questions it answered. */
export interface EncryptedAnswer {
  readonly logits: readonly number[];
  /** False where the client found that the input left the range the model is made for: the logits are no answer then. */
  readonly trusted: boolean;
  /** Why not. */
  readonly reason?: string;
  readonly wallSeconds: number;
  /** Of all threads, and what of it the operating system took: for pages touched first, mostly. */
  readonly cpuSeconds: number;
  readonly systemSeconds: number;
  /** By the cost table, at this machine's speed just before the run. */
  readonly predictedCpuSeconds: number;
  /** Of this process during the run: keys, program and the models in clear. */
  readonly peakRssBytes: number;
}

export interface AskOptions {
  readonly onInstruction?: (timing: InstructionTiming) => void;
  readonly signal?: AbortSignal;
  /** After every instruction; `open` decrypts its results, for who compares with the clear back end on the way. */
  readonly observe?: (index: number, open: () => Float64Array[]) => void;
}

export interface SessionOptions extends SecurityOptions {
  /** Of making or reading keys. */
  readonly progress?: OnProgress;
  readonly signal?: AbortSignal;
}

/**
 * Client and server of one program, in one process, with keys in memory: a warm service. Inputs and results still take the
 * form in which they would travel.
 */
export class EncryptedSession implements Disposable {
  readonly #opened: OpenProgram;
  readonly #secret: SecretKey;
  readonly #machine: CkksMachine;
  readonly #held: readonly Disposable[];
  /** Bytes of all evaluation keys in memory. */
  readonly keyBytes: number;

  private constructor(
    opened: OpenProgram,
    secret: SecretKey,
    { machine, keyBytes }: LoadedKeys,
    held: readonly Disposable[],
  ) {
    this.#opened = opened;
    this.#secret = secret;
    this.#machine = machine;
    this.keyBytes = keyBytes;
    this.#held = held;
  }

  /**
   * Makes keys for a program, or reads those that `keygen` wrote to a folder.
   * Cost: keys and bootstrap matrices, tens of seconds and gigabytes at full security. Errors of Context.create and of reading keys,
   * and the signal's reason.
   */
  static async open(
    opened: OpenProgram,
    folder: string | undefined,
    { progress, signal, insecure }: SessionOptions = {},
  ): Promise<EncryptedSession> {
    const held: Disposable[] = [];
    const hold = <One extends Disposable>(one: One): One => {
      held.push(one);
      return one;
    };
    try {
      const { manifest, parameters } = opened;
      const context = hold(await Context.create(parameters, { insecure }));
      const options = { ...(progress ? { progress } : {}), ...(signal ? { signal } : {}) };
      if (folder !== undefined) {
        const secret = hold(await readSecretKey(join(folder, 'secret'), context));
        const source = await openKeyFolder(join(folder, 'evaluation'), parameters);
        return new EncryptedSession(opened, secret, hold(await loadKeys(context, manifest, source, options)), held);
      }
      const secret = hold(SecretKey.create(context));
      using source = derivedKeys(secret, keySpecsOf(manifest));
      return new EncryptedSession(opened, secret, hold(await loadKeys(context, manifest, source, options)), held);
    } catch (error) {
      release(held);
      throw error;
    }
  }

  /**
   * Encrypts, runs once and decrypts: an answer to each of one example, or of as many as the program computes at once.
   * Times are those of the run alone. Errors as runCkks, and the signal's reason.
   */
  async ask(
    examples: readonly Readonly<Record<string, ArrayLike<number>>>[],
    options: AskOptions = {},
  ): Promise<EncryptedAnswer[]> {
    const { manifest } = this.#opened;
    const { context } = this.#machine;
    const key = this.#secret.id;
    const sent = await encryptInputs(this.#secret, manifest, examples);
    const speed = measureReference(context) / defaultCosts.reference;
    const received = await readInputs(context, manifest, key, sent, 'the encrypted input');
    const { inputs } = received;
    const { observe, ...others } = options;
    const decryptor = new Decryptor(this.#secret);
    const opened = (ciphertext: Ciphertext) => {
      using plaintext = decryptor.decrypt(ciphertext);
      return plaintext.reveal().real;
    };
    const watching: CkksOptions = observe
      ? { ...others, observe: (index, _, results) => observe(index, () => results.map(opened)) }
      : others;
    try {
      resetPeakMemory();
      const started = performance.now();
      const cpuFrom = process.cpuUsage();
      using result = await runCkks(this.#machine, this.#opened, inputs, watching);
      const { user, system } = process.cpuUsage(cpuFrom);
      const wallSeconds = (performance.now() - started) / 1000;
      const peakRssBytes = peakMemoryBytes();
      const file = await outputsFile(manifest, key, received, result.outputs);
      const answers = await decryptOutputs(this.#secret, manifest, sent.request, file, 'the encrypted result', {
        // The server is this process: nobody learns by its reactions.
        ledger: new MemoryVerdictLedger(),
        allowMore: () => true,
      });
      const count = examples.length;
      return answers.map((answer) => ({
        logits: [...answer.reveal().logits],
        trusted: answer.inRange,
        ...(answer.reason === undefined ? {} : { reason: answer.reason }),
        wallSeconds: wallSeconds / count,
        cpuSeconds: (user + system) / 1e6 / count,
        systemSeconds: system / 1e6 / count,
        predictedCpuSeconds: (manifest.predicted.cpuSeconds * speed) / count,
        peakRssBytes,
      }));
    } finally {
      release(inputs);
    }
  }

  [Symbol.dispose](): void {
    release(this.#held);
  }
}

/** The last first: what was made of others goes before them. */
function release(held: readonly Disposable[]): void {
  for (const one of [...held].reverse()) one[Symbol.dispose]();
}
