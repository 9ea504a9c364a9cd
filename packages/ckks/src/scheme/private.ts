import { CkksError, OperandError } from '../errors/index.ts';
import { Op, Slab } from '../kernels/index.ts';
import type { Ciphertext, DecryptedPlaintext } from './ciphertext.ts';
import type { Context } from './context.ts';
import { Encoder, type Slots } from './encoder.ts';
import { decryptToPlaintext } from './encryptor.ts';
import type { SecretKey } from './keys.ts';
import { smallKind, withFreshSeed } from './random.ts';

const privateNotice = '[private slots]';

/** Decrypts with a secret key. What comes out is private by type: CKKS decryptions carry the key in their noise. */
export class Decryptor {
  readonly #secret: SecretKey;

  constructor(secret: SecretKey) {
    this.#secret = secret;
  }

  /** The slots of a ciphertext of the same parameters, at any level; OperandError for others. Cost: a product a limb. */
  decrypt(ciphertext: Ciphertext): PrivateSlots {
    return new PrivateSlots(decryptToPlaintext(this.#secret, ciphertext));
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
  /** How many results under this key are ever shared. Each one gets more noise for it. Default 1. */
  readonly shares?: number;
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
}

/**
 * A decrypted vector. `reveal` gives the key's owner the slots; `share` gives others a result with enough noise that it
 * tells nothing about the key. It does not serialise or print; dispose of it to erase it.
 */
export class PrivateSlots implements Disposable {
  readonly #plaintext: DecryptedPlaintext;
  #shared = false;

  constructor(plaintext: DecryptedPlaintext) {
    this.#plaintext = plaintext;
  }

  /** The slots with their exact noise, for the key's owner alone: passed on together with the ciphertext, they give the key away. */
  reveal(): Slots {
    return new Encoder(this.#plaintext.context).decode(this.#plaintext);
  }

  /**
   * The slots with Gaussian noise that drowns the decryption's own (Li, Micciancio, Schultz, Sorrell, CRYPTO 2022). Once
   * only: the mean of several answers has less noise.
   */
  share(options: ShareOptions): SharedSlots {
    if (this.#shared) {
      throw new OperandError(
        'this result was shared already, and the mean of two answers has less noise than either: pass the first one on',
      );
    }
    const { slots, context } = this.#plaintext;
    const { count = slots, imaginary = false } = options;
    if (!Number.isInteger(count) || count < 1 || count > slots)
      throw new OperandError(`count must be a whole number from 1 to the result's ${slots} slots, not ${count}`);
    const values = imaginary ? 2 * count : count;
    const noise = flooding(options, values);
    const { real, imag } = this.reveal();
    const shared = new Float64Array(values);
    shared.set(real.subarray(0, count));
    if (imaginary) shared.set(imag.subarray(0, count), count);
    addNoise(context, shared, noise);
    this.#shared = true;
    const { securityBits } = noise;
    return {
      real: shared.slice(0, count),
      imag: imaginary ? shared.slice(count) : new Float64Array(count),
      deviation: noise.unit * 2 ** (noise.milliLog2 / 1000),
      securityBits,
      log2Distance: -securityBits / 2 - Math.log2(48) / 2,
    };
  }

  [Symbol.dispose](): void {
    this.#plaintext[Symbol.dispose]();
  }

  toJSON(): never {
    throw new CkksError('decrypted values cannot become JSON, they carry the secret key: use reveal() or share()');
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
  if (!Number.isInteger(shares) || shares < 1)
    throw new OperandError(`shares must be a whole number of at least 1, not ${shares}`);
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
