import { Op, Slab } from '../kernels/index.ts';
import { Ciphertext, DecryptedPlaintext, type Plaintext } from './ciphertext.ts';
import type { Context } from './context.ts';
import type { PublicKey, SecretKey } from './keys.ts';
import { randomSeed, smallKind, withSeed } from './random.ts';

/** A ciphertext fresh from the secret key: its uniform half is a seed, so it is half as long on the wire. */
export interface SeededCiphertext {
  readonly ciphertext: Ciphertext;
  readonly seed: Uint8Array<ArrayBuffer>;
}

/** dst = an error polynomial in NTT form. */
function sampleSmall(
  context: Context,
  dst: number,
  seed: Uint8Array,
  stream: number,
  kind: number,
  basis: readonly number[],
): void {
  const { kernels, ring } = context;
  withSeed(kernels, seed, (at) => kernels.call(Op.sampleSmall, ring.handle, dst, at, stream, kind, 0, basis));
}

/** (m + e - a s, a) with a expanded from a public seed. Noise: the error itself, standard deviation 3.24. */
export function encryptSymmetric(secret: SecretKey, plaintext: Plaintext): SeededCiphertext {
  const { context } = secret;
  context.require(plaintext.context, 'the plaintext');
  const { ring, kernels } = context;
  const { basis } = plaintext;
  const seed = randomSeed();
  const ciphertext = new Ciphertext(context, plaintext.level, plaintext.scale, plaintext.slots);
  // a s gives s away to whoever also sees a: the released memory must not hold it.
  const product = new Slab(kernels, basis.length * ring.n, true);
  try {
    withSeed(kernels, seed, (at) => kernels.call(Op.sampleUniform, ring.handle, ciphertext.part(1), at, 0, basis));
    sampleSmall(context, ciphertext.part(0), randomSeed(), 0, smallKind.centredBinomial, basis);
    ring.multiply(product.address(), ciphertext.part(1), secret.limb(), basis);
    ring.subtract(ciphertext.part(0), ciphertext.part(0), product.address(), basis);
  } finally {
    product.release();
  }
  ring.add(ciphertext.part(0), ciphertext.part(0), plaintext.part(0), basis);
  return { ciphertext, seed };
}

/**
 * ((v b + e0, v a + e1) / p) + (m, 0): encryption under q0 ... ql and one special prime p, divided by p, so that the
 * noise v e shrinks to the rounding error (variance about (N + 3) / 18, against sigma^2 (4 N / 3 + 1) without).
 */
export function encryptPublic(key: PublicKey, plaintext: Plaintext): Ciphertext {
  const { context } = key;
  context.require(plaintext.context, 'the plaintext');
  const { ring, kernels, parameters } = context;
  const { basis, level } = plaintext;
  const special = parameters.specialBasis(1);
  const extended = [...basis, ...special];
  const ciphertext = new Ciphertext(context, level, plaintext.scale, plaintext.slots);
  const secretSeed = randomSeed();
  const words = extended.length * ring.n;
  const secrets = new Slab(kernels, 2 * words, true);
  try {
    const v = secrets.address(words);
    const sum = secrets.address();
    sampleSmall(context, v, secretSeed, 0, smallKind.ternary, extended);
    for (const half of [0, 1]) {
      sampleSmall(context, sum, secretSeed, 1 + half, smallKind.centredBinomial, extended);
      const keyHalf = (limb: number) => key.slab.address((half * key.limbs + limb) * ring.n);
      ring.multiplyAccumulate(sum, v, keyHalf(0), basis);
      const at = basis.length * 8 * ring.n;
      ring.multiplyAccumulate(sum + at, v + at, keyHalf(key.limbs - 1), special);
      ring.divide([{ dst: ciphertext.part(half), src: sum }], basis, special);
    }
  } finally {
    secrets.release();
    secretSeed.fill(0);
  }
  ring.add(ciphertext.part(0), ciphertext.part(0), plaintext.part(0), basis);
  return ciphertext;
}

/** c0 + c1 s (+ c2 s^2) as a plaintext, noise included: for the decryptor and for noise measurements in tests. */
export function decryptToPlaintext(secret: SecretKey, ciphertext: Ciphertext): DecryptedPlaintext {
  const { context } = secret;
  context.require(ciphertext.context, 'the ciphertext');
  const { ring, kernels } = context;
  const { basis } = ciphertext;
  const plaintext = new DecryptedPlaintext(context, ciphertext.level, ciphertext.scale, ciphertext.slots);
  ring.multiply(plaintext.part(0), ciphertext.part(1), secret.limb(), basis);
  ring.add(plaintext.part(0), plaintext.part(0), ciphertext.part(0), basis);
  if (ciphertext.size === 3) {
    const square = new Slab(kernels, basis.length * ring.n, true);
    ring.multiply(square.address(), secret.limb(), secret.limb(), basis);
    ring.multiplyAccumulate(plaintext.part(0), ciphertext.part(2), square.address(), basis);
    square.release();
  }
  return plaintext;
}
