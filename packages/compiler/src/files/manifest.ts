import {
  type KeySpec,
  keyMemoryBytes,
  keyPlanDigest,
  keyWireBytes,
  ParameterError,
  Parameters,
  type SecurityOptions,
} from '@cipherformer/ckks';
import { preparationFiles, preparationSchema } from '@cipherformer/nn/polynomial';
import { z } from 'zod';
import { FileError } from '../errors.ts';
import { checkSpecs, keyTuples, specsOf } from './key-list.ts';
import { fromRuns } from './runs.ts';

export const manifestFormat = 'cipherformer-program';
export const manifestVersion = 2;
const maxSlots = 2 ** 16;
/** Outputs are sent at this level or below: a client decrypts there as well, and fewer levels are fewer bytes. */
export const highestSentLevel = 1;

const whole = z
  .int()
  .min(0)
  .max(2 ** 48);
const digest = z.string().regex(/^[0-9a-f]{64}$/);
const runs = z.array(z.int()).max(3 * maxSlots);

const schema = z.strictObject({
  format: z.literal(manifestFormat),
  version: z.literal(manifestVersion),
  /** Of the instructions and the model's files: what keys and ciphertexts are made for. */
  digest,
  parameters: z.strictObject({
    logN: whole,
    chainBits: z.array(whole).max(128),
    specialBits: z.array(whole).max(128),
    scaleBits: whole,
  }),
  parametersDigest: digest,
  slots: z.int().min(1).max(maxSlots),
  inputs: z.array(
    z.strictObject({ name: z.string(), level: whole, scale: z.number().positive(), source: runs, factor: z.number() }),
  ),
  outputs: z.array(
    z.strictObject({
      name: z.enum(['logits', 'sentinel']),
      slots: runs,
      factor: z.number(),
      limit: z.number().min(0),
      period: z.int().min(1).optional(),
      /** Of the ciphertext as a server sends it: what a client holds it against. */
      level: z.int().min(0).max(highestSentLevel),
      scale: z.number().positive(),
    }),
  ),
  keys: z.strictObject({
    /** Names the list of keys under these parameters: a key set serves every program whose plan it covers. */
    plan: digest,
    list: keyTuples,
    keyBytes: whole,
    wireBytes: whole,
  }),
  predicted: z.strictObject({ cpuSeconds: z.number(), peakBytes: z.number(), bootstraps: whole, instructions: whole }),
  /** What compile was asked for, so that the server compiles the same again. */
  compile: z.record(z.string(), z.json()),
  /** Facts for the client: names of the classes, how an image or a text becomes numbers. */
  model: z.strictObject({
    name: z.string(),
    classes: z.array(z.string()).optional(),
    ...preparationSchema.shape,
  }),
  /** SHA-256 of the other files of the client's half, by their names. */
  files: z.partialRecord(z.enum(Object.values(preparationFiles)), digest),
});

/** What a client and a server have to agree on, as it stands in manifest.json. Everything in it is public. */
export type ProgramManifest = z.infer<typeof schema>;

/** Bytes of keys in memory and on the wire: counted by each party for itself, whatever a manifest says. */
export function countKeys(parameters: Parameters, specs: readonly KeySpec[]): { keyBytes: number; wireBytes: number } {
  return { keyBytes: keyMemoryBytes(parameters, specs), wireBytes: keyWireBytes(parameters, specs) };
}

/**
 * Checks a manifest. Throws FileError that names the field, for parameters below 128-bit security too unless the caller
 * accepts them: otherwise whoever hands a client a manifest would choose its security. `where` is the file's name.
 */
export function parseManifest(text: string, where: string, security: SecurityOptions = {}): ProgramManifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new FileError(`${where} is not JSON: it is damaged or not a program's manifest; compile the program again`);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success)
    throw new FileError(
      `${where} is not the manifest of a program this release reads:\n${z.prettifyError(parsed.error)}`,
    );
  const manifest = parsed.data;
  const parameters = usable(manifest, where, security);
  const found = parameters.digest;
  if (found !== manifest.parametersDigest)
    throw new FileError(
      `${where} lists parameters ${found.slice(0, 12)} and claims ${manifest.parametersDigest.slice(0, 12)}: it is damaged, or of another release`,
    );
  checkKeys(manifest, parameters, where);
  for (const { name, source } of manifest.inputs) mapOf(source, manifest.slots, `${where}: input ${name}`);
  const batch = batchOf(manifest);
  if (!Number.isInteger(batch) || batch < 1)
    throw new FileError(`${where} computes ${batch} examples at once: it is damaged; compile the program again`);
  for (const { slots } of manifest.outputs)
    if (mapOf(slots, manifest.slots, `${where}: an output`).length % batch !== 0)
      throw new FileError(`${where}: an output does not divide into ${batch} examples: it is damaged`);
  return manifest;
}

/** What is asked of the secret key is legal, and is what the manifest says it is. */
function checkKeys(manifest: ProgramManifest, parameters: Parameters, where: string): void {
  const { plan, list: _, ...stated } = manifest.keys;
  const specs = keySpecsOf(manifest);
  try {
    checkSpecs(parameters, specs);
  } catch (error) {
    if (!(error instanceof ParameterError)) throw error;
    throw new FileError(`do not use ${where}, it asks for a key that may not be: ${error.message}`, { cause: error });
  }
  const found = keyPlanDigest(parameters, specs);
  if (found !== plan)
    throw new FileError(
      `${where} lists keys of plan ${found.slice(0, 12)} and claims ${plan.slice(0, 12)}: it is damaged; compile the program again`,
    );
  const counted = countKeys(parameters, specs);
  for (const field of ['keyBytes', 'wireBytes'] as const)
    if (counted[field] !== stated[field])
      throw new FileError(
        `${where}: keys.${field} is ${stated[field]}, its keys take ${counted[field]}: do not use it; whoever made it has to compile it again`,
      );
}

/** Throws ParameterError for parameters that are inconsistent, or below 128-bit security unless the caller accepts them. */
export function parametersOf({ parameters }: ProgramManifest, security: SecurityOptions = {}): Parameters {
  return Parameters.from(parameters, security);
}

function usable(manifest: ProgramManifest, where: string, security: SecurityOptions): Parameters {
  try {
    return parametersOf(manifest, security);
  } catch (error) {
    if (!(error instanceof ParameterError)) throw error;
    throw new FileError(`do not use ${where}, its parameters are refused: ${error.message}`, { cause: error });
  }
}

/** Examples that one run of the program computes. */
export function batchOf({ compile }: Pick<ProgramManifest, 'compile'>): number {
  return Number(compile.batch ?? 1);
}

/** The evaluation keys that a program needs. */
export function keySpecsOf({ keys }: Pick<ProgramManifest, 'keys'>): KeySpec[] {
  return specsOf(keys.list);
}

/** The slot map of an input or output. */
export function mapOf(runs: readonly number[], slots: number, where: string): Int32Array {
  try {
    return fromRuns(runs, slots);
  } catch (error) {
    throw new FileError(`${where} has no slot map: ${error instanceof Error ? error.message : error}`);
  }
}
