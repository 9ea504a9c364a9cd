import { apart, significant } from '@cipherformer/base';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { checkWhole } from '../../errors/checks.ts';
import { OperandError, SecrecyError } from '../../errors/index.ts';
import { Op, Slab } from '../../kernels/index.ts';
import type { Context } from '../parameters/context.ts';
import { smallKind, withFreshSeed } from '../seeds/random.ts';
import type { Ciphertext, DecryptedPlaintext } from '../values/ciphertext.ts';
import { Encoder, type Slots } from '../values/encoder.ts';
import { decryptToPlaintext } from './encryptor.ts';
import type { SecretKey } from './secret-key.ts';
import { ShareBudget } from './share-budget.ts';

const privateNotice = '[private slots]';

/** Decrypts with a secret key. What comes out is private by type: CKKS decryptions carry the key in their noise. */
export class Decryptor {
  readonly #secret: SecretKey;
  readonly #budget: ShareBudget;

  constructor(secret: SecretKey) {
    this.#secret = secret;
    this.#budget = ShareBudget.of(secret);
  }

  /** The slots of a ciphertext of the same parameters, at any level; OperandError for others. Cost: a product a limb. */
  decrypt(ciphertext: Ciphertext): PrivateSlots {
    return new PrivateSlots(decryptToPlaintext(this.#secret, ciphertext), this.#budget);
  }
}

export interface ShareOptions {
  /**
   * log2 of a bound on the absolute error of every shared slot, real and imaginary part each, as the circuit's noise
   * formula gives it for any input (-20: errors below a millionth). Never measured on this very result: what is
   * measured depends on the secret, and the noise would tell.
   */
  readonly errorBits: number;
  /** Statistical security s of this and all other shared results of the key together. Default 30. */
  readonly securityBits?: number;
  /** Instead of securityBits: log2 of the standard deviation of the noise to add, in units of slot values. */
  readonly floodingBits?: number;
  /**
   * How many results under this key are ever shared, the same number for every one. Each gets more noise for it: the
   * square root of the number times as much. Default 1.
   */
  readonly shares?: number;
  /** How many of them were shared before: `sharesUsed` of the last one, where another process shared it. Default 0. */
  readonly sharesUsed?: number;
  /** Share only the first `count` slots: fewer values need less noise. Default: all. */
  readonly count?: number;
  /** Share the imaginary parts too. Default: no. */
  readonly imaginary?: boolean;
}

/** Values that may leave the key's owner. */
export interface SharedSlots {
  readonly real: Float64Array;
  /** Zero unless they were shared too. */
  readonly imag: Float64Array;
  /** Standard deviation of the noise added to each value. */
  readonly deviation: number;
  /** Statistical security in bits, see `floodingDeviation`. */
  readonly securityBits: number;
  /** log2 of a bound on the statistical distance from a result without any of the key in it. */
  readonly log2Distance: number;
  /** How many results of the key are shared, this one included. Keep it beside the key. */
  readonly sharesUsed: number;
}

/**
 * A decrypted vector. `reveal` gives the key's owner the slots; `share` gives others a result with enough noise that it
 * tells nothing about the key. It does not serialise or print; dispose of it to erase it.
 */
export class PrivateSlots implements Disposable {
  readonly #plaintext: DecryptedPlaintext;
  readonly #budget: ShareBudget;

  constructor(plaintext: DecryptedPlaintext, budget: ShareBudget) {
    this.#plaintext = plaintext;
    this.#budget = budget;
  }

  /** The slots with their exact noise, for the key's owner alone: passed on together with the ciphertext, they give the key away. */
  reveal(): Slots {
    return new Encoder(this.#plaintext.context).decode(this.#plaintext);
  }

  /**
   * The slots with Gaussian noise that drowns the decryption's own (Li, Micciancio, Schultz, Sorrell, CRYPTO 2022). Each
   * result once, and no more results under the key than the first one declared: see ShareBudget.
   * @throws OperandError for options that make no sense, when the key's results are used up, and where the noise would
   * drown the values too; whether it did says something about them, so what follows from that is for the owner's eyes
   */
  share(options: ShareOptions): SharedSlots {
    const { slots, context } = this.#plaintext;
    const { count = slots, imaginary = false, shares = 1, sharesUsed = 0 } = options;
    checkWhole('count', count, 1, slots, OperandError);
    checkWhole('shares', shares, 1, Number.MAX_SAFE_INTEGER, OperandError);
    checkWhole('sharesUsed', sharesUsed, 0, Number.MAX_SAFE_INTEGER, OperandError);
    const values = imaginary ? 2 * count : count;
    const noise = flooding(options, values);
    const deviation = noise.unit * 2 ** (noise.milliLog2 / 1000);
    const exact = this.reveal();
    const shared = new Float64Array(values);
    try {
      shared.set(exact.real.subarray(0, count));
      if (imaginary) shared.set(exact.imag.subarray(0, count), count);
      checkSpread(shared, deviation);
      addNoise(context, shared, noise);
    } catch (error) {
      shared.fill(0);
      throw error;
    } finally {
      for (const part of [exact.real, exact.imag]) part.fill(0);
    }
    const taken = this.#budget.take({
      content: this.#content(),
      shares,
      securityBits: noise.securityBits,
      sharesUsed,
    });
    return {
      real: shared.slice(0, count),
      imag: imaginary ? shared.slice(count) : new Float64Array(count),
      deviation,
      log2Distance: -taken.securityBits / 2 - Math.log2(48) / 2,
      ...taken,
    };
  }

  /** Names the decrypted polynomial by its first limb, which stays the same when levels are dropped. */
  #content(): string {
    const { context } = this.#plaintext;
    return bytesToHex(sha256(context.kernels.view(this.#plaintext.part(0), 8 * context.ring.n)));
  }

  [Symbol.dispose](): void {
    this.#plaintext[Symbol.dispose]();
  }

  toJSON(): never {
    throw new SecrecyError('decrypted values cannot become JSON, they carry the secret key: use reveal() or share()');
  }

  toString(): string {
    return privateNotice;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return privateNotice;
  }
}

/**
 * The deviation sqrt(12 q) 2^(s/2) |e| that gives s bits of statistical security to q shared results of `values` numbers,
 * each wrong by at most `error`, |e| <= error sqrt(values).
 *
 * A Gaussian of deviation d shifted by e has Kullback-Leibler divergence |e|^2 / (2 d^2) from itself, q of them q times
 * as much: 2^-s / 24 here, hence (Pinsker) a statistical distance of at most 2^(-s/2) / sqrt(48). An adversary who
 * tells two worlds apart with advantage a has log2(1 / a^2) bits of statistical security (Micciancio and Walter,
 * EUROCRYPT 2018, on which Li et al. build), so s bits and 5 to spare for the reduction.
 */
export function floodingDeviation(error: number, securityBits: number, values: number, shares = 1): number {
  return Math.sqrt(12 * shares * values) * 2 ** (securityBits / 2) * error;
}

/** How noise is added: a whole number of units, with a deviation of 2^(milliLog2 / 1000) of them. */
interface Flooding {
  readonly unit: number;
  readonly milliLog2: number;
  readonly securityBits: number;
}

/** Rounding to the grid moves a value by at most one unit, so the error bound grows by this much. */
const unitsPerError = 64;
const maxMilliLog2 = 40_000;

function flooding(options: ShareOptions, values: number): Flooding {
  const { errorBits, floodingBits, shares = 1, securityBits = 30 } = options;
  if (!(errorBits > -1000 && errorBits < 1000))
    throw new OperandError(`errorBits must be the log2 of a bound on the slots' errors, not ${errorBits}`);
  if (floodingBits !== undefined && options.securityBits !== undefined)
    throw new OperandError('give securityBits or floodingBits, not both: one follows from the other');
  const error = 2 ** errorBits;
  const wide = error / unitsPerError;
  if (floodingBits !== undefined) {
    if (!(floodingBits > -1000 && floodingBits < 1000))
      throw new OperandError(`floodingBits must be the log2 of a standard deviation, not ${floodingBits}`);
    const unit = Math.min(wide, 2 ** (floodingBits - 10));
    const base = floodingDeviation(error + unit, 0, values, shares);
    const milliLog2 = Math.ceil(1000 * (floodingBits - Math.log2(unit)));
    return checked({ unit, milliLog2, securityBits: Math.max(0, 2 * (floodingBits - Math.log2(base))) });
  }
  if (!(securityBits > 0)) throw new OperandError(`securityBits must be positive, not ${securityBits}`);
  const deviation = floodingDeviation(error + wide, securityBits, values, shares);
  return checked({ unit: wide, milliLog2: Math.ceil(1000 * Math.log2(deviation / wide)), securityBits });
}

function checked(flooding: Flooding): Flooding {
  if (flooding.milliLog2 <= maxMilliLog2) return flooding;
  throw new OperandError(
    `noise ${2 ** Math.round(flooding.milliLog2 / 1000 - Math.log2(unitsPerError))} times the error would leave nothing of the result: ` +
      'ask for fewer securityBits or shares, or share fewer slots',
  );
}

/** @throws OperandError unless the values differ by more than the noise: by their standard deviation, one by its size */
function checkSpread(values: Float64Array, deviation: number): void {
  const mean = values.length === 1 ? 0 : values.reduce((sum, x) => sum + x, 0) / values.length;
  const spread = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length);
  if (deviation < spread) return;
  const [noise, width] = apart(deviation, spread, significant, 3);
  throw new OperandError(
    `noise of deviation ${noise} would drown the values, which spread by ${width}: ask for fewer securityBits or shares, ` +
      'share fewer slots or what follows from them (a label), or keep them private; docs/ckks.md has the figures',
  );
}

/**
 * Rounds the values to a grid and adds a rounded Gaussian: on integers a shift of the message is a shift of the sample,
 * which doubles alone would not grant (Mironov, "On significance of the least significant bits", CCS 2012).
 */
function addNoise(context: Context, values: Float64Array, { unit, milliLog2 }: Flooding): void {
  const { kernels, ring } = context;
  const noise = new Slab(kernels, ring.n, true);
  try {
    withFreshSeed(kernels, (at) =>
      kernels.call(Op.sampleSmall, ring.handle, noise.address(), at, 0, smallKind.gaussian, milliLog2, []),
    );
    const bytes = noise.bytesView();
    const samples = new BigInt64Array(bytes.buffer, bytes.byteOffset, ring.n);
    for (let i = 0; i < values.length; i++) {
      const whole = Math.round(values[i]! / unit);
      if (!(Math.abs(whole) < 2 ** 51)) {
        throw new OperandError(
          `slot ${i} is more than 2^44 times the error bound, which no computation in doubles gives: check errorBits`,
        );
      }
      values[i] = (whole + Number(samples[i]!)) * unit;
    }
  } finally {
    noise.release();
  }
}
