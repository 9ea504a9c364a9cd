import { checkPowerOfTwo } from '../errors/checks.ts';
import { OperandError } from '../errors/index.ts';
import { Op, Slab } from '../kernels/index.ts';
import { Plaintext } from './ciphertext.ts';
import type { Context } from './context.ts';

/** Slots as real parts and, where there are any, imaginary parts. */
export interface Slots {
  readonly real: Float64Array;
  readonly imag: Float64Array;
}

export interface EncodeOptions {
  /** Default: the highest level. */
  readonly level?: number;
  /** Default: the parameters' scale. */
  readonly scale?: number;
  /** A power of two up to N/2, at least the number of values; the values then repeat periodically. Default: N/2. */
  readonly slots?: number;
}

/** Messages fit the first three primes, 120 bits and more; encoding refuses larger ones. */
const messageLimbs = 3;

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
   * Encodes real or complex values, missing ones as zero.
   * Throws OperandError for too many values, values that are not finite or too large for the level, and options out of
   * range. Cost: one FFT and level + 1 NTTs.
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

  /**
   * The same to memory [basis][N] in any basis of the ring, in NTT form. `compact`: to [basis][2 slots], one word for each
   * run of equal words (8 slots at least), which costs transforms of that length alone.
   */
  encodeTo(
    dst: number,
    real: ArrayLike<number>,
    imag: ArrayLike<number> | undefined,
    slots: number,
    scale: number,
    basis: readonly number[],
    compact = false,
  ): void {
    const { kernels, ring, parameters } = this.#context;
    checkPowerOfTwo('slots', slots, parameters.maxSlots, OperandError);
    const count = Math.max(real.length, imag?.length ?? 0);
    if (count > slots)
      throw new OperandError(
        `${count} values do not fit ${slots} slots: use more slots (up to ${parameters.maxSlots}) or several ciphertexts`,
      );
    if (!(scale > 0 && Number.isFinite(scale)))
      throw new OperandError(`a scale must be positive and finite, not ${scale}`);
    const limbs = basis.slice(0, messageLimbs);
    // Coefficients are at most |z| <= sqrt(2) max(|re|, |im|), and lie within half the modulus of zero.
    const room = limbs.reduce((sum, i) => sum + Math.log2(parameters.primes[i]!), 0) - (imag ? 1.5 : 1);
    checkValues(real, 'real part', scale, room);
    if (imag) checkValues(imag, 'imaginary part', scale, room);
    using values = new Slab(kernels, 2 * slots, true);
    const view = values.realsView();
    view.fill(0);
    view.set(real, 0);
    if (imag) view.set(imag, slots);
    const op = compact ? Op.encodePeriodic : Op.encode;
    kernels.call(op, ring.handle, dst, values.address(), values.address(slots), slots, scale, basis);
  }

  /** The `plaintext.slots` values of a plaintext, divided by its scale. Cost: up to three inverse NTTs and one FFT. */
  decode(plaintext: Plaintext): Slots {
    const { kernels, ring } = this.#context;
    this.#context.require(plaintext.context, 'the plaintext');
    const { slots } = plaintext;
    const basis = plaintext.basis.slice(0, messageLimbs);
    using values = new Slab(kernels, 2 * slots, true);
    kernels.call(
      Op.decode,
      ring.handle,
      plaintext.part(0),
      values.address(),
      values.address(slots),
      slots,
      plaintext.scale,
      basis,
    );
    return { real: values.realsView(0, slots).slice(), imag: values.realsView(slots, 2 * slots).slice() };
  }
}

function checkValues(values: ArrayLike<number>, what: string, scale: number, roomBits: number): void {
  const limit = 2 ** roomBits / scale;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value))
      throw new OperandError(`the ${what} of slot ${i} is ${value}: encode finite numbers only`);
    if (Math.abs(value) >= limit) {
      throw new OperandError(
        `the ${what} of slot ${i} is ${value}, but at scale 2^${Math.log2(scale).toFixed(1)} this level holds values below ${limit.toPrecision(3)}: ` +
          'scale the values down, or encode at a higher level',
      );
    }
  }
}
