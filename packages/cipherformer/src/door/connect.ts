import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OnProgress } from '@cipherformer/base';
import type { Parameters, SecurityOptions } from '@cipherformer/ckks';
import type { GeneratedToken, GenerationEnd } from '@cipherformer/client';
import { MissingFileError } from '@cipherformer/model';
import { isPolynomialModel } from '@cipherformer/model/files';
import type { ProgramManifest } from '@cipherformer/runtime/client';
import type { InputOptions, Inputs } from '../input/input.ts';
import type { Answers } from './answer.ts';
import type { OwnerOptions } from './client.ts';
import { compile } from './compile.ts';
import type { GenerationOptions } from './generation.ts';
import { LocalConnection } from './local-connection.ts';
import { Program } from './program.ts';
import { RemoteConnection } from './remote-connection.ts';
import type { WorkOptions } from './server.ts';

/** Which program is asked, with which key, and how a model is compiled where one is given. */
export interface ConnectOptions extends OwnerOptions, InputOptions, SecurityOptions {
  /** The program to ask, by its name or the beginning of its digest, where a service has several. */
  readonly program?: string;
  /** Of several the one that takes pictures, or texts, where `program` names none. */
  readonly takes?: 'image' | 'text';
  /** The new folder in which a polynomial model is compiled. Default: a temporary one, which `close` removes. */
  readonly folder?: string;
  /** Compile a polynomial language model so that it goes on token by token. Default: it answers once. */
  readonly generation?: boolean;
  /** Of a polynomial model that is compiled. Default: N = 2^16 with bootstrapping, at 128-bit security. */
  readonly parameters?: Parameters;
  /** Most bytes of evaluation keys: whoever compiled a program chose how many there are. Default: 4 GiB. */
  readonly maxKeyBytes?: number;
  /** Of compiling a polynomial model. */
  readonly progress?: OnProgress;
  /** Of connecting. */
  readonly signal?: AbortSignal;
}

/** A program that answers encrypted questions, here or behind a service. */
export interface Connection extends AsyncDisposable {
  /** What everybody may know of the program. */
  readonly manifest: ProgramManifest;
  /**
   * Encrypts an input, or several, has the program run on them, in batches as it computes at once, and decrypts the answers:
   * `const [answer] = await service.ask(input)`, one an input, in their order. The first question makes the evaluation keys, as
   * the program needs them: minutes and gigabytes at full security. Questions are answered one after another. An abort takes
   * effect between steps of the work, at a service with its next message.
   * @throws UsageError, DataError for what is no input of the model; what Client and Server throw here, and at a service
   * ServiceError, TransportError, KeysRejected, JobFailed; the signal's reason
   */
  ask(inputs: Inputs, options?: WorkOptions): Promise<Answers>;
  /**
   * Goes on with a prompt, a text or token numbers, where the program was compiled for generation:
   * `for await (const { text } of service.generate('Once upon a time', { tokens: 32 }))`. What the iterator returns in the end says
   * why it ended. As many steps are asked for as were announced, whatever comes of them: only an abort ends it early.
   * @throws PromptError for a prompt that is too long, CacheError where what was kept is gone; as `ask`
   */
  generate(
    prompt: string | readonly number[],
    options?: GenerationOptions,
  ): AsyncGenerator<GeneratedToken, GenerationEnd>;
  /** Ends what is under way and releases everything; a secret key without a file is gone. */
  close(): Promise<void>;
}

/**
 * Connects to a program: a service by its http(s) URL, or on this machine, in this process, a program's folder or a polynomial
 * model's, which is compiled. Whoever asks holds the secret key; whoever runs the program never has it.
 * @throws MissingFileError where there is no such folder, FileError for one of something else, what `compile`, Client.create and
 * Server.load throw; TransportError where no service answers; the signal's reason
 */
export async function connect(programOrUrl: string, options: ConnectOptions = {}): Promise<Connection> {
  const { signal } = options;
  signal?.throwIfAborted();
  if (/^https?:\/\//i.test(programOrUrl)) return RemoteConnection.open(programOrUrl, options);
  if (!existsSync(programOrUrl))
    throw new MissingFileError(
      `there is no ${programOrUrl}: give the folder of a program or of a polynomial model, or the http(s) URL of a service`,
    );
  const { insecure } = options;
  if (!isPolynomialModel(programOrUrl)) {
    using program = await Program.load(programOrUrl, { insecure });
    return await LocalConnection.open(program, options);
  }
  const temporary = options.folder === undefined ? await mkdtemp(join(tmpdir(), 'cipherformer-connect-')) : undefined;
  const clean = async () => {
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
  };
  try {
    const { parameters, progress, generation = false } = options;
    using program = await compile(programOrUrl, {
      folder: options.folder ?? join(temporary!, 'program'),
      generation,
      ...(parameters ? { parameters } : {}),
      ...(progress ? { progress } : {}),
      ...(signal ? { signal } : {}),
    });
    return await LocalConnection.open(program, options, clean);
  } catch (error) {
    await clean();
    throw error;
  }
}
