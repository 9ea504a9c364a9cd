import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { ParameterError } from '../../errors/index.ts';
import { inverseGalois } from '../../ring/index.ts';
import type { Gadget, Parameters } from '../parameters/parameters.ts';
import { type KeyRole, keyRoles, type SecretPath } from '../seeds/derivation.ts';
import { switchingKeyWords } from './evaluation-keys.ts';
import { checkKeyUse } from './key-use.ts';

/** One evaluation key of a plan: what it is for, its automorphism, the highest level it serves, its special primes. */
export interface KeySpec {
  readonly role: KeyRole;
  /** 1 for every role but `galois`. */
  readonly galois: number;
  readonly level: number;
  readonly special: number;
}

/**
 * @throws ParameterError for a key that may not be made from a secret, whoever asks for it: the place where the secret is
 * decides what is legal
 */
export function checkKeySpec(parameters: Parameters, spec: KeySpec): void {
  const { role, galois, level, special } = spec;
  if (!Object.hasOwn(keyRoles, role)) throw new ParameterError(`there is no key of role ${JSON.stringify(role)}`);
  checkKeyUse(parameters, spec);
  if ((role === 'galois') !== (galois !== 1))
    throw new ParameterError(
      `a key of role ${role} has automorphism ${galois}: ${role === 'galois' ? 'a rotation or conjugation is wanted' : 'only 1, none, is allowed'}`,
    );
  // The sparse secret is secure under q0 and one special prime only (Bossuat et al., ACNS 2022).
  if (role === 'toSparse' && (level !== 0 || special !== 1))
    throw new ParameterError(
      `a key to the sparse secret is asked for at level ${level} with ${special} special primes: only level 0 with 1 is allowed`,
    );
}

/** How a key cuts its level into digits. Of a checked spec. */
export function gadgetOf(parameters: Parameters, { level, special }: KeySpec): Gadget {
  return parameters.gadgetWith(level, special)!;
}

/** The secret under which a key encrypts, and the one that is its message. */
export function secretPaths(parameters: Parameters, spec: KeySpec): { under: SecretPath; message: SecretPath } {
  const dense: SecretPath = { secret: 'dense', automorphism: 1, power: 1 };
  const sparse: SecretPath = { ...dense, secret: 'sparse' };
  switch (spec.role) {
    case 'relinearisation':
      return { under: dense, message: { ...dense, power: 2 } };
    case 'galois':
      return { under: { ...dense, automorphism: inverseGalois(spec.galois, parameters.logN) }, message: dense };
    case 'toSparse':
      return { under: sparse, message: dense };
    case 'toDense':
      return { under: dense, message: sparse };
  }
}

/** Bytes of a set of keys in memory, both halves. */
export function keyMemoryBytes(parameters: Parameters, specs: readonly KeySpec[]): number {
  return specs.reduce(
    (sum, spec) => sum + 8 * switchingKeyWords(parameters.n, spec.level, gadgetOf(parameters, spec)),
    0,
  );
}

/** The order in which a set is listed: keys of the sparse secret, rotations, relinearisations; then by their numbers. */
export function compareSpecs(a: KeySpec, b: KeySpec): number {
  return keyRoles[b.role] - keyRoles[a.role] || a.galois - b.galois || a.level - b.level || a.special - b.special;
}

/**
 * Names a key plan: SHA-256 of the parameters' digest and of the keys in the order of `compareSpecs`, in hexadecimal. Two
 * programs with the same keys under the same parameters have the same plan.
 */
export function keyPlanDigest(parameters: Parameters, specs: readonly KeySpec[]): string {
  const fields = new DataView(new ArrayBuffer(specs.length * specBytes));
  for (const [i, { role, galois, level, special }] of [...specs].sort(compareSpecs).entries()) {
    const at = i * specBytes;
    fields.setUint8(at, keyRoles[role]);
    fields.setUint32(at + 1, galois, true);
    fields.setUint16(at + 5, level, true);
    fields.setUint8(at + 7, special);
  }
  const name = utf8ToBytes('cipherformer key plan, version 1\0');
  return bytesToHex(sha256(concatBytes(name, hexToBytes(parameters.digest), new Uint8Array(fields.buffer))));
}

const specBytes = 8;
