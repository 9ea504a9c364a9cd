import type { KeySpec } from '@cipherformer/ckks';
import { documentsFile, maxDocuments, preparationFiles, preparationSchema, problemSchema } from '@cipherformer/model';
import { isPrintable } from '@cipherformer/model/untrusted';
import * as z from 'zod/mini';
import { FileError } from '../errors.ts';
import { keyTuples, specsOf } from '../keys/key-list.ts';
import { fromRuns } from './runs.ts';

// The shape of manifest.json. What its numbers mean together is checked in manifest-check.ts.

export const manifestFormat = 'cipherformer-program';
/** 3 names the batch for what it is to both sides; version 2 had it as `compile.batch`, as if it were the server's affair. */
export const manifestVersion = 3;
/** A long list of slot maps takes a few hundred KiB. */
export const maxManifestBytes = 16 * 2 ** 20;
const maxSlots = 2 ** 16;
/** Outputs are sent at this level or below: a client decrypts there as well, and fewer levels are fewer bytes. */
export const highestSentLevel = 1;
/** Ciphertexts of an input or a result; a language model of 50,000 words has two. */
const maxCiphertexts = 256;

const whole = z.int().check(z.minimum(0), z.maximum(2 ** 48));
const positive = z.number().check(z.positive());
const digest = z.string().check(z.regex(/^[0-9a-f]{64}$/));
const runs = z.array(z.int()).check(z.maxLength(3 * maxSlots));
const factor = z.number().check(z.refine((value) => value !== 0, 'a factor must not be 0'));
/** Names reach terminals: whoever wrote the manifest must not write there what is not text. */
const printable = z
  .string()
  .check(
    z.maxLength(256),
    z.refine(isPrintable, 'text must not hold control characters, line breaks or changes of direction'),
  );

const inputs = z
  .array(
    z.strictObject({
      name: printable.check(z.minLength(1)),
      level: whole,
      scale: positive,
      source: runs,
      factor,
    }),
  )
  .check(z.minLength(1), z.maxLength(maxCiphertexts));
const outputs = z
  .array(
    z.strictObject({
      name: z.enum(['logits', 'sentinel']),
      slots: runs,
      factor,
      limit: positive,
      period: z.optional(z.int().check(z.minimum(1))),
      /** Of the ciphertext as a server sends it: what a client holds it against. */
      level: z.int().check(z.minimum(0), z.maximum(highestSentLevel)),
      scale: positive,
    }),
  )
  .check(z.maxLength(maxCiphertexts));

const newestSchema = z.strictObject({
  format: z.literal(manifestFormat),
  version: z.literal(manifestVersion),
  /** Of the instructions and the model's files: what keys and ciphertexts are made for. */
  digest,
  parameters: z.strictObject({
    logN: whole,
    chainBits: z.array(whole).check(z.maxLength(128)),
    specialBits: z.array(whole).check(z.maxLength(128)),
    scaleBits: whole,
  }),
  parametersDigest: digest,
  slots: z.int().check(z.minimum(1), z.maximum(maxSlots)),
  /** Examples that one run computes: a client encrypts so many together, and a server compiles for as many. */
  batch: z.int().check(z.minimum(1), z.maximum(maxSlots)),
  inputs,
  outputs,
  /** Of a language model that goes on token by token: what stands above is of a prompt, `step` of one more token. */
  generation: z.optional(
    z.strictObject({
      /** Most tokens of a prompt and what follows it. */
      tokens: z.int().check(z.minimum(1), z.maximum(maxSlots)),
      /** The level of what the server keeps between them, and how many bytes that is. */
      keptLevel: z.int().check(z.minimum(0), z.maximum(128)),
      keptBytes: whole,
      step: z.strictObject({ inputs, outputs, cpuSeconds: z.number().check(z.minimum(0)) }),
    }),
  ),
  keys: z.strictObject({
    /** Names the list of keys under these parameters: a key set serves every program whose plan it covers. */
    plan: digest,
    list: keyTuples,
    keyBytes: whole,
    wireBytes: whole,
  }),
  predicted: z.strictObject({
    cpuSeconds: z.number().check(z.minimum(0)),
    peakBytes: z.number().check(z.minimum(0)),
    bootstraps: whole,
    instructions: whole,
    /** How far a decrypted logit may be from the program's without noise (`predictError`); absent where it is not known. */
    error: z.optional(positive),
    /** The largest difference to expect of an answer's logits, these at unit spread; absent where it is not known. */
    errorAtUnitSpread: z.optional(positive),
  }),
  /** Facts for the client: names of the classes, how an image or a text becomes numbers. */
  model: z.strictObject({
    name: printable,
    classes: z.optional(z.array(printable).check(z.maxLength(2 ** 20))),
    /** Of a search, in their place: how many texts documents.json has, one an output. */
    documents: z.optional(z.int().check(z.minimum(1), z.maximum(maxDocuments))),
    /** What the outputs are; absent where they choose one class, or the task says it. */
    problem: z.optional(problemSchema),
    ...preparationSchema.shape,
  }),
  /** SHA-256 of the other files of the client's half, by their names. */
  files: z.partialRecord(z.enum([...Object.values(preparationFiles), documentsFile]), digest),
});

/** What tells version 2 from this one; the rest of it is the same. */
const version2 = z.looseObject({
  version: z.literal(2),
  compile: z.strictObject({ batch: z.unknown() }),
  batch: z.optional(z.undefined()),
});

/** Reads manifests of this version and of version 2. */
export const manifestSchema = z.pipe(z.transform(asNewest), newestSchema);

/** What a client and a server have to agree on, as it stands in manifest.json. Everything in it is public. */
export type ProgramManifest = z.infer<typeof newestSchema>;

/** The same with the inputs and outputs of a token, of a program that generates. @throws FileError for one that does not */
export function stepManifest<Manifest extends Pick<ProgramManifest, 'inputs' | 'outputs' | 'generation'>>(
  manifest: Manifest,
): Manifest {
  if (!manifest.generation)
    throw new FileError('this program does not go on token by token: compile one for generation');
  const { inputs, outputs } = manifest.generation.step;
  return { ...manifest, inputs, outputs };
}

/** Version 2 as version 3; anything else as it is, for the schema to judge. */
function asNewest(json: unknown): unknown {
  const old = version2.safeParse(json);
  if (!old.success) return json;
  const { compile, ...rest } = old.data;
  return { ...rest, version: manifestVersion, batch: compile.batch };
}

/** The slot map of an input or output: at most `slots` numbers. @throws FileError; `where` is what has it */
export function mapOf(runs: readonly number[], slots: number, where: string): Int32Array {
  try {
    return fromRuns(runs, slots);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new FileError(`${where} has no slot map: ${error.message}`, { cause: error });
  }
}

/** The evaluation keys that a program needs. */
export function keySpecsOf({ keys }: Pick<ProgramManifest, 'keys'>): KeySpec[] {
  return specsOf(keys.list);
}
