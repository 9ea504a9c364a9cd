import { BootstrapPlan, Parameters } from '@cipherformer/ckks';
import { z } from 'zod';
import { type KeyPlan, planKeys } from '../backends/key-plan.ts';
import { CanonicalScales } from '../backends/scales.ts';
import { FileError } from '../errors.ts';
import type { EncryptedProgram } from '../program/instructions.ts';
import { registerLevels } from '../program/levels.ts';
import { fromRuns, toRuns } from './runs.ts';

export const manifestFormat = 'cipherformer-program';
export const manifestVersion = 1;
const maxSlots = 2 ** 16;
/** Outputs are sent at this level or below: a client decrypts there as well, and fewer levels are fewer bytes. */
const highestSentLevel = 1;

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
    insecure: z.boolean().optional(),
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
    bootstraps: z.boolean(),
    special: whole,
    galois: z.array(z.strictObject({ galois: whole, level: whole })).max(4096),
    relinearisations: z.array(whole).max(128),
    keyBytes: whole,
    wireBytes: whole,
  }),
  predicted: z.strictObject({
    cpuSeconds: z.number(),
    peakBytes: z.number(),
    bootstraps: whole,
    instructions: whole,
    /** How far a decrypted logit may be from the program's without noise (`predictError`); absent where it is not known. */
    error: z.number().positive().optional(),
  }),
  /** What compile was asked for, so that the server compiles the same again. */
  compile: z.record(z.string(), z.json()),
  /** Facts for the client: names of the classes, how an image becomes numbers. */
  model: z.strictObject({
    name: z.string(),
    task: z.string(),
    classes: z.array(z.string()).optional(),
    preprocess: z.json().optional(),
  }),
});

/** What a client and a server have to agree on, as it stands in manifest.json. Everything in it is public. */
export type ProgramManifest = z.infer<typeof schema>;

export interface ManifestSource {
  readonly digest: string;
  readonly parameters: Parameters;
  readonly program: EncryptedProgram;
  readonly predicted: ProgramManifest['predicted'];
  readonly compile: ProgramManifest['compile'];
  readonly model: ProgramManifest['model'];
}

/** The manifest of a compiled program, its key set included. */
export function makeManifest({ parameters, program, ...rest }: ManifestSource): ProgramManifest {
  const plan = new BootstrapPlan(parameters);
  const scales = new CanonicalScales(parameters, plan.outputLevel);
  const levels = registerLevels(program, {
    bootstrapInputLevel: plan.inputLevel,
    bootstrapOutputLevel: plan.outputLevel,
  });
  const { chainBits, specialBits, ...literal } = parameters.literal;
  const { galois, relinearisations, ...keys } = planKeys(program, plan);
  return {
    format: manifestFormat,
    version: manifestVersion,
    digest: rest.digest,
    parameters: { ...literal, chainBits: [...chainBits], specialBits: [...specialBits] },
    parametersDigest: parameters.digest,
    slots: program.slots,
    inputs: program.inputs.map(({ name, level, source, factor }) => ({
      name,
      level,
      scale: scales.at(level),
      source: toRuns(source),
      factor,
    })),
    outputs: program.outputs.map(({ register, slots, ...output }) => ({
      ...output,
      slots: toRuns(slots),
      level: Math.min(levels.get(register)!, highestSentLevel),
      // Dropping levels leaves the scale as it is.
      scale: scales.at(levels.get(register)!),
    })),
    keys: { ...keys, galois: [...galois], relinearisations: [...relinearisations] },
    predicted: rest.predicted,
    compile: rest.compile,
    model: rest.model,
  };
}

export interface ParseManifestOptions {
  /** Accept parameters below 128-bit security, for tests: whoever hands a client a manifest chooses its security otherwise. */
  readonly insecure?: boolean;
}

/** Checks a manifest. Throws FileError that names the field; `where` is the file's name. */
export function parseManifest(
  text: string,
  where: string,
  { insecure = false }: ParseManifestOptions = {},
): ProgramManifest {
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
  if (manifest.parameters.insecure && !insecure)
    throw new FileError(
      `${where} asks for parameters below 128-bit security: do not use it; whoever made it has to compile it with secure ones`,
    );
  const found = parametersOf(manifest).digest;
  if (found !== manifest.parametersDigest)
    throw new FileError(
      `${where} lists parameters ${found.slice(0, 12)} and claims ${manifest.parametersDigest.slice(0, 12)}: it is damaged, or of another release`,
    );
  for (const { name, source } of manifest.inputs) mapOf(source, manifest.slots, `${where}: input ${name}`);
  const batch = batchOf(manifest);
  if (!Number.isInteger(batch) || batch < 1)
    throw new FileError(`${where} computes ${batch} examples at once: it is damaged; compile the program again`);
  for (const { slots } of manifest.outputs)
    if (mapOf(slots, manifest.slots, `${where}: an output`).length % batch !== 0)
      throw new FileError(`${where}: an output does not divide into ${batch} examples: it is damaged`);
  return manifest;
}

/** Throws ParameterError for parameters that are inconsistent or insecure. */
export function parametersOf({ parameters: { insecure, ...literal } }: ProgramManifest): Parameters {
  return Parameters.from(insecure ? { ...literal, insecure } : literal);
}

/** Examples that one run of the program computes. */
export function batchOf({ compile }: Pick<ProgramManifest, 'compile'>): number {
  return Number(compile.batch ?? 1);
}

export function keyPlanOf({ keys }: ProgramManifest): KeyPlan {
  return keys;
}

/** The slot map of an input or output. */
export function mapOf(runs: readonly number[], slots: number, where: string): Int32Array {
  try {
    return fromRuns(runs, slots);
  } catch (error) {
    throw new FileError(`${where} has no slot map: ${error instanceof Error ? error.message : error}`);
  }
}
