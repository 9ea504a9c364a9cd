import { ParameterError } from '../../errors/index.ts';
import { checkGalois } from '../../ring/index.ts';
import type { Gadget, Parameters } from '../parameters/parameters.ts';
import { checkEphemeralBasis } from '../parameters/security.ts';

// What a secret key may be used for. These numbers come from plans, manifests and files that another party may have
// written, so they are checked where the secret is.

/** What a switching key is made for. */
export interface KeyUse {
  /** The automorphism X -> X^galois that follows: odd, from 1 (none) to 2N - 1. */
  readonly galois: number;
  /** The highest level at which it serves. */
  readonly level: number;
  /** Special primes: the first `special` of the parameters'. */
  readonly special: number;
}

/**
 * Whether a switching key may be made for this use. An even `galois` would give the secret away: it folds the secret into
 * a part of its coefficients, and a key made with that is solved for the whole secret in less than a second.
 * @throws ParameterError where it may not, with the field, its value and what is allowed
 */
export function checkKeyUse(parameters: Parameters, { galois, level, special }: KeyUse): void {
  const { logN, maxLevel, specialCount } = parameters;
  checkGalois(galois, logN);
  checkField('level', level, 0, maxLevel);
  checkField('special', special, 1, specialCount);
  if (parameters.gadgetWith(level, special)) return;
  throw new ParameterError(
    `a switching key has special ${special} at level ${level}, but a prime of that level is larger than those ${special} special primes together: ` +
      `take the number from Parameters.gadget(${level})`,
  );
}

function checkField(name: string, value: number, low: number, high: number): void {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  throw new ParameterError(
    `a switching key has ${name} ${value}, which must be a whole number from ${low} to ${high}: ` +
      'make its plan for these parameters, or these keys for the plan’s parameters',
  );
}

/**
 * The same for a key's whole shape: `gadget` must be the one way in which digits are cut at `level`, that of
 * `Parameters.gadgetWith`. Hoisted rotations share a decomposition, so a key with other digits would be read past its end.
 */
export function checkKeyShape(
  parameters: Parameters,
  { galois, level, gadget }: { readonly galois: number; readonly level: number; readonly gadget: Gadget },
): void {
  const { special, digitSizes } = gadget;
  checkKeyUse(parameters, { galois, level, special });
  const usual = parameters.gadgetWith(level, special)!.digitSizes;
  if (usual.length === digitSizes.length && usual.every((size, i) => size === digitSizes[i])) return;
  throw new ParameterError(
    `a switching key has digits [${digitSizes.join(', ')}], which must be [${usual.join(', ')}] at level ${level} with ${special} special primes: ` +
      `take them from Parameters.gadgetWith(${level}, ${special})`,
  );
}

/**
 * Whether samples (a, -a s + e) in this basis are secure for a secret of this weight: a dense ternary secret, whose basis
 * `Parameters.from` has checked, or the ephemeral one where it belongs. Parameters that are insecure anyway allow any
 * secret.
 * @param weight ones of a sparse secret, undefined for a dense one: see SecretKey
 * @param basis ring primes of the samples
 * @throws ParameterError where they are not
 */
export function checkSecretUse(parameters: Parameters, weight: number | undefined, basis: readonly number[]): void {
  if (weight === undefined || parameters.insecure) return;
  const logQP = basis.reduce((sum, prime) => sum + Math.log2(parameters.primes[prime]!), 0);
  checkEphemeralBasis(parameters.logN, logQP, weight);
}
