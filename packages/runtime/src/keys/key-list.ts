import { apart, gib } from '@cipherformer/base';
import {
  checkKeySpec,
  compareSpecs,
  type KeyPart,
  type KeySpec,
  keyMemoryBytes,
  keyParts,
  keyPlanDigest,
  keyWireBytes,
  nameOfPart,
  ParameterError,
  type Parameters,
} from '@cipherformer/ckks';
import { parseForeignJson } from '@cipherformer/model/untrusted';
import * as z from 'zod/mini';
import { FileError, KeyLimitError } from '../errors.ts';

export const keyListFormat = 'cipherformer-keys';
export const keyListVersion = 1;
/** Most keys of a plan: a program of a hundred layers needs a few hundred. */
const maxKeys = 4096;
/** Of a list as JSON: gigabytes of keys are a few hundred parts. */
const maxListBytes = 16 * 2 ** 20;
const maxParts = 2 ** 17;

const digest = z.string().check(z.regex(/^[0-9a-f]{64}$/));

/** A key as it stands in JSON: role, Galois element, level, special primes. */
export const keyTuple = z.tuple([
  z.enum(['relinearisation', 'galois', 'toSparse', 'toDense']),
  z.int().check(z.minimum(1), z.maximum(2 ** 18)),
  z.int().check(z.minimum(0), z.maximum(128)),
  z.int().check(z.minimum(1), z.maximum(128)),
]);
export const keyTuples = z.array(keyTuple).check(z.maxLength(maxKeys));
export type KeyTuples = z.infer<typeof keyTuples>;

const schema = z.strictObject({
  format: z.literal(keyListFormat),
  version: z.literal(keyListVersion),
  parametersDigest: digest,
  /** Names the list of keys under these parameters. */
  plan: digest,
  /** Names the secret key that they belong to. */
  key: z.string().check(z.regex(/^[0-9a-f]{32}$/)),
  keys: keyTuples,
  /** SHA-256 of each part, in the order of `keyParts`. */
  parts: z.array(digest).check(z.maxLength(maxParts)),
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
 * @throws ParameterError unless the keys may be made under these parameters, none twice, in the order of `compareSpecs`
 * @param where the field that lists them
 */
export function checkSpecs(parameters: Parameters, specs: readonly KeySpec[], where: string): void {
  for (const [i, spec] of specs.entries()) {
    try {
      checkKeySpec(parameters, spec);
    } catch (error) {
      if (!(error instanceof ParameterError)) throw error;
      throw new ParameterError(`${where}[${i}] may not be made: ${error.message}`, { cause: error });
    }
    if (i > 0 && !(compareSpecs(specs[i - 1]!, spec) < 0))
      throw new ParameterError(`${where}[${i}] is there twice, or out of order: each key is needed once`);
  }
}

/** Evaluation keys up to this many bytes on the wire are made without a question: whoever wrote a program chose how many. */
export const unaskedKeyBytes = 4 * 2 ** 30;

/**
 * What stands between a program and the keys that it asks for, where nobody is asked.
 * @param bytes of the evaluation keys on the wire
 * @throws KeyLimitError for more bytes than `most`
 */
export function checkKeyBytes(bytes: number, most = unaskedKeyBytes): void {
  if (bytes <= most) return;
  const [asked, allowed] = apart(bytes, most, gib, 2);
  throw new KeyLimitError(
    `the program asks for ${asked} of evaluation keys, ${allowed} are allowed: none was made; allow more if you trust who compiled it`,
  );
}

/** Bytes of keys in memory and on the wire: counted by each party for itself, whatever anybody says. */
export function countKeys(parameters: Parameters, specs: readonly KeySpec[]): { keyBytes: number; wireBytes: number } {
  return { keyBytes: keyMemoryBytes(parameters, specs), wireBytes: keyWireBytes(parameters, specs) };
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

/** Checks a list. @throws FileError that says what is wrong; `where` is the file's name */
export function parseKeyList(source: string | Uint8Array, where: string, parameters: Parameters): KeyList {
  const list = parseForeignJson(source, {
    schema,
    maxBytes: maxListBytes,
    refuse: (what) => new FileError(`${where} is no list of evaluation keys: it ${what}`),
  });
  if (list.parametersDigest !== parameters.digest)
    throw new FileError(
      `${where} is of parameters ${list.parametersDigest.slice(0, 12)}, the program has ${parameters.digest.slice(0, 12)}: give keys made for this program`,
    );
  const specs = specsOf(list.keys);
  try {
    checkSpecs(parameters, specs, 'keys');
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

/** The keys of a list that none of the others has, part for part. Lists are of these parameters. */
export function specsNotIn(parameters: Parameters, list: KeyList, others: readonly KeyList[]): KeySpec[] {
  const own = digestsByPart(parameters, list);
  const known = others.map((other) => digestsByPart(parameters, other));
  return specsOf(list.keys).filter((spec) => {
    const parts = keyParts(parameters, [spec]).map(nameOfPart);
    // Of one list: parts of a key belong together.
    return !known.some((digests) => parts.every((part) => digests.get(part) === own.get(part)));
  });
}

/** The keys of `wanted` that are not there. */
export function missingSpecs(there: readonly KeySpec[], wanted: readonly KeySpec[]): KeySpec[] {
  const known = new Set(tuplesOf(there).map((tuple) => tuple.join('/')));
  return wanted.filter((spec) => !known.has(tuplesOf([spec])[0]!.join('/')));
}
