import type { Random } from '../../packages/nn/src/random.ts';
import { type Mutation, mutateBytes } from './mutate.ts';

/** Something of the project that reads bytes of strangers. */
export interface Reader {
  readonly name: string;
  /** Valid objects, which are changed. */
  readonly seeds: readonly Uint8Array[];
  /** Reads. What it gives (or resolves to) is disposed of, where it can be. */
  read(bytes: Uint8Array): unknown;
  /** The errors of ours that it may throw. */
  readonly errors: readonly (abstract new (
    ...args: never[]
  ) => Error)[];
  /** Ways to change a valid object, one of them for each case; default: bytes. */
  readonly mutations?: readonly Mutation[];
  /** Its share of the cases, 1 for most; less for what takes long. */
  readonly share?: number;
}

/** Longest message of an error that a person is meant to read. */
const longestMessage = 2000;

export interface Outcome {
  readonly bytes: Uint8Array;
  readonly accepted: boolean;
  /** What was wrong with how the reader answered. */
  readonly failure?: string;
}

/** The bytes of a case follow from the reader's seeds and `random`. */
async function bytesOf({ seeds, mutations = [mutateBytes] }: Reader, random: Random): Promise<Uint8Array> {
  const mutate = mutations[random.integer(mutations.length)]!;
  return mutate(seeds[random.integer(seeds.length)]!, random, seeds);
}

/** One changed object, read. */
export async function runCase(reader: Reader, random: Random): Promise<Outcome> {
  const bytes = await bytesOf(reader, random);
  try {
    // A copy: what is kept to show a failure must not change.
    const result = await reader.read(bytes.slice());
    for (const one of [result].flat()) if (isDisposable(one)) one[Symbol.dispose]();
    return { bytes, accepted: true };
  } catch (error) {
    const failure = wrongError(error, reader);
    return { bytes, accepted: false, ...(failure && { failure }) };
  }
}

function wrongError(error: unknown, { errors }: Reader): string | undefined {
  if (!(error instanceof Error)) return `threw ${String(error)}, no error`;
  const at =
    error.stack
      ?.split('\n')
      .find((line) => /^ +at /.test(line))
      ?.trim() ?? '';
  if (!errors.some((type) => error instanceof type))
    return `threw ${error.name}: ${JSON.stringify(error.message.slice(0, 200))} ${at}`;
  if (error.message.length > longestMessage) return `gave a message of ${error.message.length} characters ${at}`;
  if (/(?![\n\t])\p{Cc}/u.test(error.message)) return `gave a message that a terminal obeys ${at}`;
  return undefined;
}

function isDisposable(value: unknown): value is Disposable {
  return typeof value === 'object' && value !== null && Symbol.dispose in value;
}
