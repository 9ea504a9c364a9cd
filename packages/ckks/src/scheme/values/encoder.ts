import { apart, significant } from '@cipherformer/base';
import { checkPowerOfTwo } from '../../errors/checks.ts';
import { OperandError } from '../../errors/index.ts';
import { Op, Slab } from '../../kernels/index.ts';
import type { Basis } from '../../ring/index.ts';
import type { Context } from '../parameters/context.ts';
import { numberBits } from '../parameters/range.ts';
import { Plaintext } from './ciphertext.ts';

/** Slots as real parts and, where there are any, imaginary parts. */
export interface Slots {
  readonly real: Float64Array;
  readonly imag: Float64Array;
}

/** Slots to encode, and where to. */
export interface SlotVector {
  readonly dst: number;
  readonly real: ArrayLike<number>;
  readonly imag: ArrayLike<number> | undefined;
  readonly scale: number;
}

export interface EncodeOptions {
  /** Default: the highest level. */
  readonly level?: number;
  /** Default: the parameters' scale. */
  readonly scale?: number;
  /** A power of two up to N/2, at least the number of values; the values then repeat periodically. Default: N/2. */
  readonly slots?: number;
}

/** Limbs that the kernel decodes at once. */
const decodedLimbs = 3;
/**
 * Values are taken as they come from the first limbs where they stay this many bits below their modulus. Larger ones may
 * have wrapped around it: those that did are spread over all of it, so that one looks small with probability 2^-40.
 */
const wrapBits = 40;
/** Values of more bits leave the range of doubles, whatever the modulus. */
const maxValueBits = 1000;

/**
 * Between vectors of slots and plaintext polynomials: the canonical embedding of CKKS (Cheon et al., ASIACRYPT 2017).
 * Values may be secret, so both directions erase the memory that they used.
 */
export class Encoder {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /**
   * Encodes real or complex values, missing ones as zero. Cost: one FFT and level + 1 NTTs.
   * @throws OperandError for too many values, values that are not finite or too large for the level, and options out of
   * range
   */
  encode(real: ArrayLike<number>, imag?: ArrayLike<number>, options: EncodeOptions = {}): Plaintext {
    const { parameters } = this.#context;
    const level = options.level ?? parameters.maxLevel;
    const plaintext = new Plaintext(
      this.#context,
      level,
      options.scale ?? parameters.scale,
      options.slots ?? parameters.maxSlots,
    );
    try {
      this.encodeTo(plaintext.part(0), real, imag, plaintext.slots, plaintext.scale, parameters.basis(level));
    } catch (error) {
      plaintext[Symbol.dispose]();
      throw error;
    }
    return plaintext;
  }

  /** The same to memory [basis][N] in any basis of the ring, in NTT form. */
  encodeTo(
    dst: number,
    real: ArrayLike<number>,
    imag: ArrayLike<number> | undefined,
    slots: number,
    scale: number,
    basis: Basis,
  ): void {
    this.encodeManyTo([{ dst, real, imag, scale }], slots, basis);
  }

  /**
   * Several vectors of equally many slots, which threads share. `compact`: to [basis][2 slots] each, one word for each run of
   * equal words (8 slots at least), which costs transforms of that length alone.
   */
  encodeManyTo(vectors: readonly SlotVector[], slots: number, basis: Basis, compact = false): void {
    const { kernels, ring, parameters } = this.#context;
    checkPowerOfTwo('slots', slots, parameters.maxSlots, OperandError);
    // Special primes are divided away before anybody reads the values.
    const chain = basis.flatMap((i) => (i > parameters.maxLevel ? [] : parameters.primes[i]!));
    for (const vector of vectors) checkVector(vector, slots, parameters.maxSlots, chain);
    using values = new Slab(kernels, 2 * slots * vectors.length, true);
    const view = values.realsView();
    view.fill(0);
    const items = vectors.flatMap(({ dst, real, imag, scale }, i) => {
      const at = 2 * slots * i;
      view.set(real, at);
      if (imag) view.set(imag, at + slots);
      return [dst, values.address(at), values.address(at + slots), scale];
    });
    kernels.call(Op.encodeMany, ring.handle, compact ? 1 : 0, slots, basis, vectors.length, ...items);
  }

  /**
   * The `plaintext.slots` values of a plaintext, divided by its scale: all that fit the modulus of its level. Cost: up to
   * three inverse NTTs and one FFT; for values of more than about 2^90 / scale one transform of every limb more, and so on
   * for each 2^130.
   * @throws OperandError for values beyond the range of doubles
   */
  decode(plaintext: Plaintext): Slots {
    this.#context.require(plaintext.context, 'the plaintext');
    return this.#decode(plaintext.part(0), plaintext.basis, plaintext.slots, plaintext.scale);
  }

  /** The slots of src [basis][N], divided by `scale`. */
  #decode(src: number, basis: Basis, slots: number, scale: number): Slots {
    const { kernels, ring, parameters } = this.#context;
    const low = basis.slice(0, decodedLimbs);
    using values = new Slab(kernels, 2 * slots, true);
    kernels.call(Op.decode, ring.handle, src, values.address(), values.address(slots), slots, scale, low);
    const result = { real: values.realsView(0, slots).slice(), imag: values.realsView(slots).slice() };
    const size = sumOfSizes(values.realsView());
    if (!Number.isFinite(size)) {
      throw new OperandError(
        `the values of a plaintext at scale 2^${Math.log2(scale).toFixed(1)} are beyond the range of doubles: ` +
          'they outgrew their modulus, or were decrypted with another key',
      );
    }
    const modulus = low.reduce((product, i) => product * parameters.primes[i]!, 1);
    if (basis.length > decodedLimbs && size >= (modulus * 2 ** -wrapBits) / scale)
      this.#addMultiples(result, src, basis, scale, modulus);
    return result;
  }

  /** Adds to the slots of src modulo its first limbs, the remainder, those of the multiple of that modulus. */
  #addMultiples(remainder: Slots, src: number, basis: Basis, scale: number, modulus: number): void {
    const { kernels, ring } = this.#context;
    const [low, high] = [basis.slice(0, decodedLimbs), basis.slice(decodedLimbs)];
    const limbBytes = 8 * ring.n;
    using work = new Slab(kernels, (high.length + basis.length) * ring.n, true);
    const quotient = work.address();
    const numerator = work.address(high.length * ring.n);
    // Division wants the limbs that it drops behind those that it keeps.
    const copy = (dst: number, from: number, limbs: number) =>
      kernels.view(dst, limbs * limbBytes).set(kernels.view(src + from * limbBytes, limbs * limbBytes));
    copy(numerator, low.length, high.length);
    copy(numerator + high.length * limbBytes, 0, low.length);
    ring.divide([{ dst: quotient, src: numerator }], high, low);
    const multiples = this.#decode(quotient, high, remainder.real.length, scale / modulus);
    for (const [i, value] of multiples.real.entries()) remainder.real[i]! += value;
    for (const [i, value] of multiples.imag.entries()) remainder.imag[i]! += value;
  }
}

/** Not finite where one of them is not. */
function sumOfSizes(values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.abs(values[i]!);
  return sum;
}

function checkVector(
  { real, imag, scale }: SlotVector,
  slots: number,
  maxSlots: number,
  chain: readonly number[],
): void {
  const count = Math.max(real.length, imag?.length ?? 0);
  if (count > slots)
    throw new OperandError(
      `${count} values do not fit ${slots} slots: use more slots (up to ${maxSlots}) or several ciphertexts`,
    );
  if (!(scale > 0 && Number.isFinite(scale)))
    throw new OperandError(`a scale must be positive and finite, not ${scale}`);
  // Coefficients are at most |z| <= sqrt(2) max(|re|, |im|), and lie within half the modulus of zero.
  const room = Math.min(numberBits(chain, scale), maxValueBits) - (imag ? 1.5 : 1);
  checkValues(real, 'real part', scale, room);
  if (imag) checkValues(imag, 'imaginary part', scale, room);
}

function checkValues(values: ArrayLike<number>, what: string, scale: number, roomBits: number): void {
  const limit = 2 ** roomBits / scale;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value))
      throw new OperandError(`the ${what} of slot ${i} is ${value}: encode finite numbers only`);
    if (Math.abs(value) >= limit) {
      const [, below] = apart(Math.abs(value), limit, significant, 3);
      throw new OperandError(
        `the ${what} of slot ${i} is ${value}, but at scale 2^${Math.log2(scale).toFixed(1)} this level holds values below ${below}: ` +
          'scale the values down, or encode at a higher level',
      );
    }
  }
}
