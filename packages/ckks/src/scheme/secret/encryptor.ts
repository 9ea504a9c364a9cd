import { Op, Slab } from '../../kernels/index.ts';
import type { Basis } from '../../ring/index.ts';
import type { PublicKey } from '../keys/evaluation-keys.ts';
import { checkSecretUse } from '../keys/key-use.ts';
import { publicSeed, withFreshSeed, withSeed } from '../seeds/random.ts';
import { Ciphertext, DecryptedPlaintext, type Plaintext } from '../values/ciphertext.ts';
import type { SecretKey } from './secret-key.ts';

/** A ciphertext fresh from the secret key: its uniform half is a seed, so it is half as long on the wire. */
export interface SeededCiphertext {
  readonly ciphertext: Ciphertext;
  readonly seed: Uint8Array<ArrayBuffer>;
}

/**
 * b = e - a s, with a expanded from a fresh public seed, which is returned: a public key, or a ciphertext of zero.
 * @throws ParameterError for a sparse secret in a basis where it is not secure
 */
export function encryptZero(secret: SecretKey, b: number, a: number, basis: Basis): Uint8Array<ArrayBuffer> {
  const { context } = secret;
  const { ring, kernels } = context;
  checkSecretUse(context.parameters, secret.weight, basis);
  const seed = publicSeed();
  // The digit of a key that holds no message: limb by limb while it is in the caches, and no product a s, which would give s
  // away to whoever also sees a, is ever written to memory.
  withSeed(kernels, seed, (publicAt) =>
    withFreshSeed(
      kernels,
      (noiseAt) =>
      kernels.call(
        Op.generateKeyDigit, ring.handle, b, a, secret.limb(), secret.limb(), publicAt, 0, noiseAt, 0, basis, [], 0, 0,
      ), // biome-ignore format: one kernel call
    ),
  );
  return seed;
}

/**
 * (m + e - a s, a) with a expanded from a public seed, at the plaintext's level and scale. Noise: the error itself,
 * standard deviation 3.24.
 */
export function encryptSymmetric(secret: SecretKey, plaintext: Plaintext): SeededCiphertext {
  const { context } = secret;
  context.require(plaintext.context, 'the plaintext');
  const { basis } = plaintext;
  const ciphertext = new Ciphertext(context, plaintext.level, plaintext.scale, plaintext.slots);
  try {
    const seed = encryptZero(secret, ciphertext.part(0), ciphertext.part(1), basis);
    context.ring.add(ciphertext.part(0), ciphertext.part(0), plaintext.part(0), basis);
    return { ciphertext, seed };
  } catch (error) {
    ciphertext[Symbol.dispose]();
    throw error;
  }
}

/**
 * ((v b + e0, v a + e1) / p) + (m, 0): encryption under q0 ... ql and one special prime p, divided by p, so that the
 * noise v e shrinks to the rounding error (variance about (N + 3) / 18, against sigma^2 (4 N / 3 + 1) without). At the
 * plaintext's level and scale.
 */
export function encryptPublic(key: PublicKey, plaintext: Plaintext): Ciphertext {
  const { context } = key;
  context.require(plaintext.context, 'the plaintext');
  const { ring, kernels, parameters } = context;
  const { basis, level } = plaintext;
  const [special] = parameters.specialBasis(1);
  const ciphertext = new Ciphertext(context, level, plaintext.scale, plaintext.slots);
  try {
    const [c0, c1] = [ciphertext.part(0), ciphertext.part(1)];
    const half = (which: number) => key.slab.address(which * key.limbs * ring.n);
    withFreshSeed(kernels, (seed) =>
      kernels.call(Op.encryptZero, ring.handle, c0, c1, half(0), half(1), key.limbs, seed, basis, special!),
    );
    ring.add(c0, c0, plaintext.part(0), basis);
    return ciphertext;
  } catch (error) {
    ciphertext[Symbol.dispose]();
    throw error;
  }
}

/**
 * c0 + c1 s (+ c2 s^2) as a plaintext, noise included: for `Decryptor`, and for whoever measures noise. Its noise gives
 * the secret key away: see DecryptedPlaintext.
 */
export function decryptToPlaintext(secret: SecretKey, ciphertext: Ciphertext): DecryptedPlaintext {
  const { context } = secret;
  context.require(ciphertext.context, 'the ciphertext');
  const { ring, kernels } = context;
  const { basis } = ciphertext;
  const plaintext = new DecryptedPlaintext(context, ciphertext.level, ciphertext.scale, ciphertext.slots);
  try {
    ring.multiply(plaintext.part(0), ciphertext.part(1), secret.limb(), basis);
    ring.add(plaintext.part(0), plaintext.part(0), ciphertext.part(0), basis);
    if (ciphertext.size === 3) {
      using square = new Slab(kernels, basis.length * ring.n, true);
      ring.multiply(square.address(), secret.limb(), secret.limb(), basis);
      ring.multiplyAccumulate(plaintext.part(0), ciphertext.part(2), square.address(), basis);
    }
    return plaintext;
  } catch (error) {
    plaintext[Symbol.dispose]();
    throw error;
  }
}
