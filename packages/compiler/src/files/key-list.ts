import {
  compareSpecs,
  type KeyPart,
  type KeySpec,
  keyParts,
  keyPlanDigest,
  nameOfPart,
  ParameterError,
  type Parameters,
} from '@cipherformer/ckks';
import { z } from 'zod';
import { FileError } from '../errors.ts';

export const keyListFormat = 'cipherformer-keys';
export const keyListVersion = 1;
/** Most keys of a plan: a program of a hundred layers needs a few hundred. */
const maxKeys = 4096;

const digest = z.string().regex(/^[0-9a-f]{64}$/);

/** A key as it stands in JSON: role, Galois element, level, special primes. */
export const keyTuple = z.tuple([
  z.enum(['relinearisation', 'galois', 'toSparse', 'toDense']),
  z
    .int()
    .min(1)
    .max(2 ** 18),
  z.int().min(0).max(128),
  z.int().min(1).max(128),
]);
export const keyTuples = z.array(keyTuple).max(maxKeys);
export type KeyTuples = z.infer<typeof keyTuples>;

const schema = z.strictObject({
  format: z.literal(keyListFormat),
  version: z.literal(keyListVersion),
  parametersDigest: digest,
  /** Names the list of keys under these parameters. */
  plan: digest,
  /** Names the secret key that they belong to. */
  key: z.string().regex(/^[0-9a-f]{32}$/),
  keys: keyTuples,
  /** SHA-256 of each part, in the order of `keyParts`. */
  parts: z.array(digest).max(2 ** 20),
});

/** The list of a key set: which keys, whose, and the parts that they are made of. Everything in it is public. */
export type KeyList = z.infer<typeof schema>;

/** The keys of a list. */
export function specsOf(tuples: KeyTuples): KeySpec[] {
  return tuples.map(([role, galois, level, special]) => ({ role, galois, level, special }));
}

/** The other way round. */
export function tuplesOf(specs: readonly KeySpec[]): KeyTuples {
  return specs.map(({ role, galois, level, special }) => [role, galois, level, special]);
}

/**
 * Throws ParameterError unless the keys may be made under these parameters, none twice, in the order of `compareSpecs`.
 */
export function checkSpecs(parameters: Parameters, specs: readonly KeySpec[]): void {
  for (const [i, spec] of specs.entries())
    if (i > 0 && !(compareSpecs(specs[i - 1]!, spec) < 0))
      throw new ParameterError(`key ${i + 1} of ${specs.length} is listed twice or out of order: make the plan again`);
  // Also checks each spec.
  keyParts(parameters, specs);
}

/** A list of keys all of whose parts are there. */
export function makeKeyList(
  parameters: Parameters,
  key: string,
  specs: readonly KeySpec[],
  digestOf: (part: KeyPart) => string,
): KeyList {
  const sorted = [...specs].sort(compareSpecs);
  return {
    format: keyListFormat,
    version: keyListVersion,
    parametersDigest: parameters.digest,
    plan: keyPlanDigest(parameters, sorted),
    key,
    keys: tuplesOf(sorted),
    parts: keyParts(parameters, sorted).map(digestOf),
  };
}

/** Checks a list. Throws FileError that says what is wrong; `where` is the file's name. */
export function parseKeyList(text: string, where: string, parameters: Parameters): KeyList {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new FileError(`${where} is not JSON: it is damaged or not a list of evaluation keys; run keygen again`);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success)
    throw new FileError(
      `${where} is not a list of evaluation keys that this release reads:\n${z.prettifyError(parsed.error)}`,
    );
  const list = parsed.data;
  if (list.parametersDigest !== parameters.digest)
    throw new FileError(
      `${where} is of parameters ${list.parametersDigest.slice(0, 12)}, the program has ${parameters.digest.slice(0, 12)}: give keys made for this program`,
    );
  const specs = specsOf(list.keys);
  try {
    checkSpecs(parameters, specs);
  } catch (error) {
    if (!(error instanceof ParameterError)) throw error;
    throw new FileError(`${where} lists a key that may not be: ${error.message}`, { cause: error });
  }
  if (keyPlanDigest(parameters, specs) !== list.plan)
    throw new FileError(`${where} names another plan than that of its keys: it is damaged, run keygen again`);
  const parts = keyParts(parameters, specs).length;
  if (list.parts.length !== parts)
    throw new FileError(
      `${where} has ${list.parts.length} parts, its keys have ${parts}: it is damaged, run keygen again`,
    );
  return list;
}

/** The digest of every part of a list, by the part's name. */
export function digestsByPart(parameters: Parameters, list: KeyList): ReadonlyMap<string, string> {
  return new Map(keyParts(parameters, specsOf(list.keys)).map((part, i) => [nameOfPart(part), list.parts[i]!]));
}

/** The keys of `wanted` that are not there. */
export function missingSpecs(there: KeyTuples, wanted: readonly KeySpec[]): KeySpec[] {
  const known = new Set(there.map((tuple) => tuple.join('/')));
  return wanted.filter((spec) => !known.has(tuplesOf([spec])[0]!.join('/')));
}
