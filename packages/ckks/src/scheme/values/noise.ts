import { digitSizesAt, type Gadget, type Parameters } from '../parameters/parameters.ts';
import { errorDeviation } from '../seeds/random.ts';

/** A value as the noise model sees it. */
export interface NoisyValue {
  /** Variance of a coefficient of the error polynomial, averaged over the coefficients that decoding reads. */
  readonly variance: number;
  /** Mean over the slots of |value|^2, times the square of the scale. */
  readonly power: number;
}

/** Variance of rounding to whole numbers. */
const rounding = 1 / 12;
const errorVariance = errorDeviation ** 2;

/**
 * Average-case noise of CKKS: errors as polynomials of independent coefficients of mean zero, followed by their variance
 * (Costache, Curtis, Hales, Murphy, Ogilvie, Player, "On the precision loss in approximate homomorphic encryption", SAC
 * 2023; Kim, Papadimitriou, Polyakov, "Approximate homomorphic encryption with reduced approximation error", CT-RSA
 * 2022, for hybrid key switching). Nothing here needs a key or a ciphertext. Tests hold every formula against measured
 * noise from both sides.
 */
export class NoiseModel {
  readonly parameters: Parameters;
  /** Expected squared length of the secret: 2N/3 for a uniform ternary one, the weight of a sparse one. */
  readonly secretPower: number;

  constructor(parameters: Parameters, secretPower = (2 * parameters.n) / 3) {
    this.parameters = parameters;
    this.secretPower = secretPower;
  }

  /** Encoding rounds every coefficient once. Values that repeat with a period have fewer: see `plainProduct`. */
  get encoding(): number {
    return rounding;
  }

  /** A fresh ciphertext of the secret key, encoding not included. */
  get symmetric(): number {
    return errorVariance;
  }

  /** A fresh ciphertext of the public key: (v e + e0 + e1 s) / p and the rounding of two parts; v is ternary. */
  get public(): number {
    const special = this.parameters.primes[this.parameters.maxLevel + 1]!;
    const fresh = errorVariance * ((2 * this.parameters.n) / 3 + 1 + this.secretPower);
    return fresh / special ** 2 + this.rounding();
  }

  /** Rounding every coefficient of a ciphertext: e0 + e1 s (+ e2 s^2), E |s^2|^2 = 2 |s|^4 for an even distribution. */
  rounding(parts: 2 | 3 = 2): number {
    return rounding * (1 + this.secretPower + (parts === 3 ? 2 * this.secretPower ** 2 : 0));
  }

  /** a + b or a - b, of independent noise. */
  sum(a: number, b: number): number {
    return a + b;
  }

  /** a * b in the slots, before relinearisation: a e_b + b e_a + e_a e_b. A plaintext's noise is its rounding. */
  product(a: NoisyValue, b: NoisyValue): number {
    return a.power * b.variance + b.power * a.variance + this.parameters.n * a.variance * b.variance;
  }

  /** a times a plaintext of this power, rounded once; its values repeat `repeats` times in the slots of `a`. */
  plainProduct(a: NoisyValue, power: number, repeats = 1): number {
    return this.product(a, { variance: rounding / repeats, power });
  }

  /** Division by a prime, or by several, with rounding. */
  divided(variance: number, divisor: number, parts: 2 | 3 = 2): number {
    return variance / divisor ** 2 + this.rounding(parts);
  }

  rescale(variance: number, level: number, parts: 2 | 3 = 2): number {
    return this.divided(variance, this.parameters.primeAt(level), parts);
  }

  /**
   * What a switching key's errors add, before the rounding of the division by P: sum over the digits of digit * e / P. A
   * digit of k limbs with product D is a polynomial of variance k D^2 / 12 (native/ops/basis.hpp): its extension to
   * other primes is a sum of k values uniform over D.
   */
  switchingErrors(level: number, gadget: Gadget = this.parameters.gadget(level)): number {
    const { primes, maxLevel, n } = this.parameters;
    const special = primes.slice(maxLevel + 1, maxLevel + 1 + gadget.special).reduce((p, x) => p * x, 1);
    let sum = 0;
    let from = 0;
    for (const size of digitSizesAt(gadget, level)) {
      // D / P first: their squares leave the range of doubles.
      const ratio = primes.slice(from, from + size).reduce((p, x) => p * x, 1 / special);
      sum += (n * errorVariance * size * ratio ** 2) / 12;
      from += size;
    }
    return sum;
  }

  /** Relinearisation, rotation, conjugation: key errors and one rounding. `gadget` is the key's. */
  keySwitch(variance: number, level: number, gadget?: Gadget): number {
    return variance + this.switchingErrors(level, gadget) + this.rounding();
  }

  /** Relinearisation and rescale with one rounding. */
  relineariseRescale(variance: number, level: number, gadget?: Gadget): number {
    return this.divided(variance + this.switchingErrors(level, gadget), this.parameters.primeAt(level));
  }

  /** Standard deviation of the error in the real part of a slot (and in the imaginary part). */
  slotDeviation(variance: number, scale: number, slots = this.parameters.maxSlots): number {
    return Math.sqrt(slots * variance) / scale;
  }
}
