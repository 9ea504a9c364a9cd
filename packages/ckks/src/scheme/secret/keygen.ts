import { Op, Slab } from '../../kernels/index.ts';
import { conjugationElement, galoisElement, inverseGalois } from '../../ring/index.ts';
import { digitBasis, PublicKey, SwitchingKey } from '../keys/evaluation-keys.ts';
import { checkKeyShape, checkSecretUse } from '../keys/key-use.ts';
import type { Context } from '../parameters/context.ts';
import type { Gadget } from '../parameters/parameters.ts';
import { publicSeed, randomSeed, withSeed } from '../seeds/random.ts';
import { encryptZero } from './encryptor.ts';
import type { SecretKey } from './secret-key.ts';

/** Where a key is needed: the automorphism, and the highest level at which it is used. */
export interface GaloisUse {
  readonly galois: number;
  readonly level: number;
}

/** Makes public and evaluation keys from a secret key. Runs where the secret lives: never on a server. */
export class KeyGenerator {
  readonly #context: Context;
  readonly #secret: SecretKey;

  constructor(secret: SecretKey) {
    this.#context = secret.context;
    this.#secret = secret;
  }

  /** For encryption by anybody, at every level. */
  publicKey(): PublicKey {
    const { ring, kernels, parameters } = this.#context;
    const basis = PublicKey.basis(parameters);
    const slab = new Slab(kernels, 2 * basis.length * ring.n);
    try {
      const seed = encryptZero(this.#secret, slab.address(), slab.address(basis.length * ring.n), basis);
      return new PublicKey(this.#context, seed, slab);
    } catch (error) {
      slab.release();
      throw error;
    }
  }

  /** For products of ciphertexts at `level` and below: switches from s^2 to s. */
  relinearisation(level = this.#context.parameters.maxLevel): SwitchingKey {
    const { ring, kernels } = this.#context;
    const all = ring.primes.map((_, i) => i);
    const square = new Slab(kernels, all.length * ring.n, true);
    try {
      ring.multiply(square.address(), this.#secret.limb(), this.#secret.limb(), all);
      return switchingKey(this.#secret, this.#secret.limb(), square.address(), level, 1);
    } finally {
      square.release();
    }
  }

  /** For rotations of slots to the left by `steps` (negative: right) at `level` and below. */
  rotation(steps: number, level?: number): SwitchingKey {
    return this.galois({
      galois: galoisElement(steps, this.#context.ring.logN),
      level: level ?? this.#context.parameters.maxLevel,
    });
  }

  /** For the conjugation of slots at `level` and below. */
  conjugation(level = this.#context.parameters.maxLevel): SwitchingKey {
    return this.galois({ galois: conjugationElement(this.#context.ring.logN), level });
  }

  /**
   * A key from s to g^-1(s): the automorphism g that follows brings the result back under s. `gadget`: default
   * Parameters.gadget, otherwise exactly Parameters.gadgetWith.
   * @throws ParameterError for what is not an automorphism, and for a gadget that does not fit
   */
  galois({ galois, level }: GaloisUse, gadget?: Gadget): SwitchingKey {
    const { ring, kernels } = this.#context;
    const under = new Slab(kernels, ring.primes.length * ring.n, true);
    try {
      ring.automorphism(under.address(), this.#secret.limb(), inverseGalois(galois, ring.logN), ring.primes.length);
      return switchingKey(this.#secret, under.address(), this.#secret.limb(), level, galois, gadget);
    } finally {
      under.release();
    }
  }

  /**
   * A key from this secret to `other` at `level`, with exactly this gadget.
   * @throws ParameterError for a sparse `other` under more than q0 and one special prime, unless the parameters are insecure
   */
  switchTo(other: SecretKey, level: number, gadget: Gadget): SwitchingKey {
    this.#context.require(other.context, 'the other secret key');
    return switchingKey(other, other.limb(), this.#secret.limb(), level, 1, gadget);
  }
}

/** One digit to make. */
export interface DigitRequest {
  /** The secret that `under` is, or is an image of by an automorphism. */
  readonly secret: SecretKey;
  /** Addresses of polynomials in NTT form over all primes of the ring: under which it is encrypted, and the message. */
  readonly under: number;
  readonly message: number;
  readonly galois: number;
  readonly level: number;
  readonly gadget: Gadget;
  readonly digit: number;
  readonly publicSeed: Uint8Array;
  readonly noiseSeed: Uint8Array;
}

/**
 * (b, a) with b = -a under + e + P [limb in the digit] message: Han and Ki, CT-RSA 2020, section 3. Every switching key is
 * made here, so what may be made is checked here.
 * @param a null: not stored, it follows from its seed
 * @throws ParameterError for an automorphism, level, gadget or secret that is not allowed
 */
export function generateDigit(b: number, a: number | null, request: DigitRequest): void {
  const { secret, under, message, level, gadget, digit, publicSeed, noiseSeed } = request;
  const { kernels, ring, parameters } = secret.context;
  checkKeyShape(parameters, request);
  checkSecretUse(parameters, secret.weight, digitBasis(parameters, level, gadget));
  const { digitSizes } = gadget;
  const from = digitSizes.slice(0, digit).reduce((sum, size) => sum + size, 0);
  withSeed(kernels, publicSeed, (publicAt) =>
    withSeed(
      kernels,
      noiseSeed,
      (noiseAt) =>
      kernels.call(
        Op.generateKeyDigit, ring.handle, b, a ?? 0, under, message, publicAt, 0, noiseAt, 0,
        parameters.basis(level), parameters.specialBasis(gadget.special), from, from + digitSizes[digit]!,
      ), // biome-ignore format: one kernel call, its arguments in groups
    ),
  );
}

/** All digits of a key, from fresh randomness. */
function switchingKey(
  secret: SecretKey,
  under: number,
  target: number,
  level: number,
  galois: number,
  gadget = secret.context.parameters.gadget(level),
): SwitchingKey {
  const { context } = secret;
  checkKeyShape(context.parameters, { galois, level, gadget });
  const key = new SwitchingKey(context, level, gadget, galois, gadget.digitSizes.map(publicSeed));
  try {
    for (const [digit, seed] of key.seeds.entries()) {
      const noiseSeed = randomSeed();
      const request = { secret, under, message: target, galois, level, gadget, digit, publicSeed: seed, noiseSeed };
      generateDigit(key.half(digit, 0), key.half(digit, 1), request);
      noiseSeed.fill(0);
    }
  } catch (error) {
    key[Symbol.dispose]();
    throw error;
  }
  return key;
}
