import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ModelInput } from '@cipherformer/model';
import { z } from 'zod';
import { best, median, spreadDifference } from '../measure/statistics.ts';
import { CheckFailedError } from '../terminal/errors.ts';
import type { Build } from './build.ts';

/** A question as a person gives it, and the logits of the polynomial model in float64. */
export interface Question {
  readonly input: ModelInput;
  readonly expected: ArrayLike<number>;
}

/** A model asked encrypted from key generation to answer, each step a process of its own. */
export interface WholeRun {
  readonly name: string;
  /** Of the process that runs the program: from its start, keys read from files, to the result's file. Median. */
  readonly coldSeconds: number;
  /** The run alone. Median. */
  readonly warmSeconds: number;
  /** Processor seconds of the run alone, all threads. Median. */
  readonly cpuSeconds: number;
  /** Processor seconds of that whole process; null where the system does not tell. Median. */
  readonly coldCpuSeconds: number | null;
  /** Of the server's process. Largest. */
  readonly peakRssBytes: number;
  /** Evaluation keys as they travel. */
  readonly wireBytes: number;
  readonly requestBytes: number;
  /** Ciphertexts refreshed. */
  readonly bootstraps: number;
  /** Questions whose largest logit is the polynomial model's, of all. One out of range never agrees. */
  readonly agree: number;
  readonly of: number;
  /** Of a logit from the polynomial model's, at unit spread. */
  readonly worstDifference: number;
}

const manifestSchema = z.object({ predicted: z.object({ bootstraps: z.number() }) });
const ranSchema = z.object({
  coldSeconds: z.number(),
  warmSeconds: z.number(),
  cpuSeconds: z.number(),
  peakRssBytes: z.number(),
});
const answer = z.object({ logits: z.array(z.number()) });
/** Of this build, and of the first ones, whose answers were not lists. */
const answerSchema = z.union([
  z
    .object({ results: z.tuple([answer.extend({ inRange: z.boolean() })]) })
    .transform(({ results: [{ logits, inRange }] }) => ({ logits, inRange })),
  answer.extend({ trusted: z.boolean() }).transform(({ logits, trusted }) => ({ logits, inRange: trusted })),
]);

/** The parts of a file that a build printed as JSON. @throws CheckFailedError for anything else */
function read<Shape>(text: string, schema: z.ZodType<Shape>, verb: string): Shape {
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new CheckFailedError(`${verb} printed other JSON than this build knows: compare with a later checkout`, {
      cause: error,
    });
  }
}

/** One build's programs, keys and requests of one model, in a folder that is the caller's to remove. */
export class ModelUnderTest {
  readonly #build: Build;
  readonly #folder: string;
  readonly #signal: AbortSignal;
  readonly #runs: (z.infer<typeof ranSchema> & { readonly coldCpuSeconds: number | null })[] = [];
  #bootstraps = 0;
  #wireBytes = 0;
  #requestBytes = 0;
  #agree = 0;
  #worst = 0;

  constructor(build: Build, folder: string, signal: AbortSignal) {
    this.#build = build;
    this.#folder = folder;
    this.#signal = signal;
  }

  /** Compiles the model and makes its keys. @param model folder of a polynomial model */
  async prepare(model: string): Promise<void> {
    const compiled = await this.#verb('compile', model, '--out', this.#at('program'), '--json');
    this.#bootstraps = read(compiled.stdout, manifestSchema, 'compile').predicted.bootstraps;
    const agreed = await this.#ifTaken('keygen', '--max-key-bytes', '1TiB');
    await this.#verb('keygen', this.#at('program'), '--out', this.#at('keys'), ...agreed);
    this.#wireBytes = bytesOf(this.#at('keys/evaluation'));
  }

  /** Encrypts, runs and decrypts. */
  async ask({ input, expected }: Question): Promise<void> {
    writeFileSync(this.#at('input.json'), JSON.stringify(input));
    const [program, secret] = [this.#at('program'), this.#at('keys/secret')];
    const [request, result] = [this.#at('request'), this.#at('result')];
    for (const file of [request, result]) rmSync(file, { force: true });
    await this.#verb('encrypt', program, '--keys', secret, '--input', this.#at('input.json'), '--out', request);
    this.#requestBytes = bytesOf(request);
    const ran = await this.#verb('run', program, '--keys', this.#at('keys/evaluation'), '--input', request, '--out', result, '--json'); // biome-ignore format: short
    this.#runs.push({ ...read(ran.stdout, ranSchema, 'run'), coldCpuSeconds: ran.cpuSeconds ?? null });
    const more = [
      ...(await this.#ifTaken('decrypt', '--request', request)),
      ...(await this.#ifTaken('decrypt', '--reveal')),
    ];
    const opened = await this.#verb('decrypt', program, '--keys', secret, '--input', result, '--force', '--json', ...more); // biome-ignore format: short
    const { logits, inRange } = read(opened.stdout, answerSchema, 'decrypt');
    if (inRange && best(logits) === best(expected)) this.#agree += 1;
    this.#worst = Math.max(this.#worst, spreadDifference(expected, logits));
  }

  /** Of the questions so far, at least one. */
  measured(name: string): WholeRun {
    const all = (key: 'coldSeconds' | 'warmSeconds' | 'cpuSeconds') => median(this.#runs.map((run) => run[key]));
    const coldCpu = this.#runs.flatMap(({ coldCpuSeconds }) => coldCpuSeconds ?? []);
    return {
      name,
      coldSeconds: all('coldSeconds'),
      warmSeconds: all('warmSeconds'),
      cpuSeconds: all('cpuSeconds'),
      coldCpuSeconds: coldCpu.length > 0 ? median(coldCpu) : null,
      peakRssBytes: Math.max(...this.#runs.map(({ peakRssBytes }) => peakRssBytes)),
      wireBytes: this.#wireBytes,
      requestBytes: this.#requestBytes,
      bootstraps: this.#bootstraps,
      agree: this.#agree,
      of: this.#runs.length,
      worstDifference: this.#worst,
    };
  }

  #at(name: string): string {
    return join(this.#folder, name);
  }

  #verb(...argv: readonly string[]) {
    return this.#build.verb(argv, this.#signal);
  }

  async #ifTaken(verb: string, option: string, ...value: readonly string[]): Promise<readonly string[]> {
    return (await this.#build.takes(verb, option, this.#signal)) ? [option, ...value] : [];
  }
}

/** Bytes of a file, or of all files in a folder. */
function bytesOf(path: string): number {
  const found = statSync(path);
  if (!found.isDirectory()) return found.size;
  return readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0);
}
