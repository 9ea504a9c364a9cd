import { isPowerOfTwo } from '@cipherformer/base';
import { OperandError, WireError } from '../errors/index.ts';
import { Slab } from '../kernels/index.ts';
import {
  Ciphertext,
  type Context,
  DecryptedPlaintext,
  expandUniform,
  type Parameters,
  Plaintext,
  type SeededCiphertext,
  seedBytes,
} from '../scheme/index.ts';
import { FieldReader, FieldWriter } from './fields.ts';
import { packedObject, readPacked, type WireObject } from './object.ts';
import { reading, type WireSource } from './source.ts';

/** The shape of a plaintext or ciphertext. */
interface Shape {
  readonly level: number;
  /** Polynomials: 1 for a plaintext, 2 or 3 for a ciphertext. */
  readonly size: number;
  readonly slots: number;
  readonly scale: number;
}

/** An encoded plaintext; a decrypted one is refused, because its noise reveals the secret key. */
export function plaintextToWire(plaintext: Plaintext): WireObject {
  if (plaintext instanceof DecryptedPlaintext) {
    throw new OperandError(
      'a decrypted plaintext is never written, its noise reveals the secret key: share the values with PrivateSlots.share',
    );
  }
  return packedObject('plaintext', describe(plaintext.context.parameters, plaintext), limbsOf(plaintext, 1));
}

/** Reads a plaintext. @throws WireError for anything that `plaintextToWire` does not write under these parameters */
export function plaintextFromWire(context: Context, source: WireSource): Promise<Plaintext> {
  return reading(source, 'the plaintext', (from) =>
    readPacked(from, 'plaintext', context, ({ description }) => {
      const { level, size, slots, scale, seed } = readShape(description, 'a plaintext', context.parameters);
      if (size !== 1 || seed) throw new WireError(`a plaintext is one polynomial, not ${size}: it is damaged`);
      return {
        primes: context.parameters.basis(level),
        allocate: () => addressed(new Plaintext(context, level, scale, slots)),
      };
    }),
  );
}

/**
 * A ciphertext fresh from the secret key goes as one polynomial and a seed, any other with all its polynomials. Fewer
 * levels mean fewer bytes: drop the levels that the receiver does not use.
 */
export function ciphertextToWire(value: Ciphertext | SeededCiphertext): WireObject {
  const { ciphertext, seed } = 'seed' in value ? value : { ciphertext: value, seed: undefined };
  const description = describe(ciphertext.context.parameters, ciphertext, seed);
  if (seed) checkSeed(ciphertext, seed);
  return packedObject('ciphertext', description, limbsOf(ciphertext, seed ? 1 : ciphertext.size));
}

/** Reads a ciphertext. @throws WireError for anything that `ciphertextToWire` does not write under these parameters */
export function ciphertextFromWire(context: Context, source: WireSource): Promise<Ciphertext> {
  return reading(source, 'the ciphertext', (from) =>
    readPacked(from, 'ciphertext', context, ({ description }) => {
      const { level, size, slots, scale, seed } = readShape(description, 'a ciphertext', context.parameters);
      if (size < 2 || size > 3 || (seed && size !== 2))
        throw new WireError(`a ciphertext is two or three polynomials, not ${size}: it is damaged`);
      const basis = context.parameters.basis(level);
      return {
        primes: Array.from({ length: seed ? 1 : size }, () => basis).flat(),
        allocate() {
          const ciphertext = new Ciphertext(context, level, scale, slots, size);
          if (seed) expandUniform(context, ciphertext.part(1), seed, 0, basis);
          return addressed(ciphertext);
        },
      };
    }),
  );
}

function limbsOf(value: Plaintext | Ciphertext, parts: number) {
  return {
    context: value.context,
    primes: Array.from({ length: parts }, () => value.basis).flat(),
    address: addressed(value).address,
  };
}

function addressed<T extends Plaintext | Ciphertext>(value: T): { result: T; address: (limb: number) => number } {
  const limbs = value.level + 1;
  const limbBytes = 8 * value.context.ring.n;
  return { result: value, address: (limb) => value.part(Math.floor(limb / limbs)) + (limb % limbs) * limbBytes };
}

function describe(parameters: Parameters, shape: Shape, seed?: Uint8Array): Uint8Array<ArrayBuffer> {
  const wrong = wrongShape(parameters, shape);
  if (wrong) throw new OperandError(`a value with ${wrong} cannot be written`);
  const { level, size, slots, scale } = shape;
  const fields = new FieldWriter()
    .u16(level)
    .u8(size)
    .u8(Math.log2(slots))
    .f64(scale)
    .u8(seed ? 1 : 0);
  if (seed) fields.bytes(seed);
  return fields.finish();
}

function readShape(
  description: Uint8Array,
  what: string,
  parameters: Parameters,
): Shape & { seed: Uint8Array | undefined } {
  const fields = new FieldReader(description, what);
  const [level, size, logSlots, scale, seeded] = [fields.u16(), fields.u8(), fields.u8(), fields.f64(), fields.u8()];
  if (seeded > 1) throw new WireError(`${what} carries unknown flags ${seeded}: update cipherformer`);
  const seed = seeded === 1 ? fields.bytes(seedBytes) : undefined;
  fields.end();
  const shape = { level, size, slots: 2 ** logSlots, scale };
  const wrong = wrongShape(parameters, shape);
  if (wrong) throw new WireError(`${what} has ${wrong}: it is damaged, or was made for other parameters`);
  return { ...shape, seed };
}

/** What these parameters do not allow about a shape. */
function wrongShape(parameters: Parameters, { level, slots, scale }: Shape): string | undefined {
  if (level > parameters.maxLevel) return `level ${level} of ${parameters.maxLevel}`;
  if (!isPowerOfTwo(slots) || slots > parameters.maxSlots) return `${slots} slots of ${parameters.maxSlots}`;
  // A value at a scale above the modulus has no room; below one it has no digits. Three polynomials await a rescale.
  if (!(scale >= 1 && scale <= 2 ** 128)) return `a scale of ${scale}, not between 1 and 2^128`;
  return undefined;
}

/** The second polynomial must still be the expansion of the seed: one limb tells. */
function checkSeed(ciphertext: Ciphertext, seed: Uint8Array): void {
  const { context } = ciphertext;
  const { n } = context.ring;
  using fresh = new Slab(context.kernels, n);
  expandUniform(context, fresh.address(), seed, 0, [0]);
  const expected = fresh.bytesView();
  const found = context.kernels.view(ciphertext.part(1), 8 * n);
  if (ciphertext.size !== 2 || expected.some((byte, i) => byte !== found[i])) {
    throw new OperandError(
      'the ciphertext has changed since it was encrypted, so its seed no longer describes it: write the ciphertext without the seed',
    );
  }
}
