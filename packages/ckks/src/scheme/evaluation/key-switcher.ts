import { KeyError } from '../../errors/index.ts';
import { Op, Slab } from '../../kernels/index.ts';
import { galoisElement } from '../../ring/index.ts';
import type { EvaluationKeys, SwitchingKey } from '../keys/evaluation-keys.ts';
import type { Context } from '../parameters/context.ts';
import { digitSizesAt } from '../parameters/parameters.ts';
import type { Ciphertext } from '../values/ciphertext.ts';

/** Two polynomials by the addresses of their limbs. */
export type Pair = readonly [first: number, second: number];

/** The primes of a level and the first special primes: digits are extended to it, and sums stay in it until they are divided. */
export interface ExtendedBasis {
  readonly level: number;
  readonly special: number;
}

/** The extended digits of a ciphertext's second polynomial, shared by all its rotations (hoisting). */
export interface Decomposition extends ExtendedBasis, Disposable {
  readonly address: number;
  readonly digits: number;
}

/** The addresses of a ciphertext's first two polynomials. */
export function pairOf(ciphertext: Ciphertext): Pair {
  return [ciphertext.part(0), ciphertext.part(1)];
}

/**
 * Key switching on limbs in memory: what operations on ciphertexts are made of, and circuits that add up many products
 * before they divide once. Polynomials are addresses, in NTT form, of one limb a prime of the level or of an extended
 * basis; callers own the memory and answer for its size. Scales, slots and noise are theirs to follow.
 */
export class KeySwitcher {
  readonly context: Context;
  readonly keys: EvaluationKeys | undefined;

  /** @throws OperandError for keys of other parameters, or of another kernel instance */
  constructor(context: Context, keys?: EvaluationKeys) {
    this.context = context;
    this.keys = keys;
    if (keys) context.require(keys.context, 'the evaluation keys');
  }

  /** The evaluation keys, for an operation that is named in the error. @throws KeyError where there are none */
  keysFor(what: string): EvaluationKeys {
    if (!this.keys)
      throw new KeyError(
        `this evaluator has no evaluation keys, and ${what} needs one: pass EvaluationKeys to its constructor`,
      );
    return this.keys;
  }

  /** The key for a rotation by `steps` (in [0, slots)) of digits extended to this basis. @throws KeyError for a missing one */
  rotationKey(steps: number, { level, special }: ExtendedBasis): SwitchingKey {
    const what = `a rotation by ${steps} with ${special} special primes`;
    return this.keysFor(what).galois(galoisElement(steps, this.context.ring.logN), level, what, special);
  }

  /** 64-bit words of a polynomial in an extended basis. */
  words({ level, special }: ExtendedBasis): number {
    return (level + 1 + special) * this.context.ring.n;
  }

  /**
   * The extended digits of the polynomial at `src`, for keys with as many special primes.
   * @throws KeyError where the special primes are too few for the level
   */
  decompose(src: number, { level, special }: ExtendedBasis): Decomposition {
    const { ring, kernels, parameters } = this.context;
    const gadget = parameters.gadgetWith(level, special);
    if (!gadget) throw new KeyError(`${special} special primes are too few for the primes of level ${level}`);
    const sizes = digitSizesAt(gadget, level);
    const slab = new Slab(kernels, sizes.length * this.words({ level, special }));
    const [q, p] = [parameters.basis(level), parameters.specialBasis(special)];
    kernels.call(Op.decompose, ring.handle, slab.address(), src, q, p, sizes);
    return { address: slab.address(), digits: sizes.length, level, special, [Symbol.dispose]: () => slab.release() };
  }

  /** dst (+)= ((addend, 0) + digits * key)(X^galois of the key), in the digits' basis. No transform. */
  innerProduct(
    [dst0, dst1]: Pair,
    digits: Decomposition,
    key: SwitchingKey,
    options: { readonly addend?: number; readonly accumulate?: boolean } = {},
  ): void {
    const { ring, kernels, parameters } = this.context;
    kernels.call(
      options.accumulate ? Op.innerProductAccumulate : Op.innerProduct, ring.handle, dst0, dst1,
      digits.address, options.addend ?? 0, key.galois, key.slab.address(), key.level + 1, digits.digits,
      parameters.basis(digits.level), parameters.specialBasis(digits.special),
    ); // biome-ignore format: one kernel call
  }

  /** dst = src / P, rounded, from an extended basis to its level; with `rescale` also divided by the level's prime, to the level below. */
  modDown(
    polynomials: readonly { readonly dst: number; readonly src: number }[],
    { level, special }: ExtendedBasis,
    rescale = false,
  ): void {
    const { ring, parameters } = this.context;
    const p = parameters.specialBasis(special);
    ring.divide(polynomials, parameters.basis(rescale ? level - 1 : level), rescale ? [level, ...p] : p);
  }

  /**
   * dst = ((add0, add1) + (src under the key))(X^galois of the key) at `level`, a whole key switch; with `rescale` divided
   * by the level's prime too, to the level below. See native/ops/keyswitch.hpp.
   */
  keySwitch(
    [dst0, dst1]: Pair,
    src: number,
    level: number,
    key: SwitchingKey,
    options: { readonly add0?: number; readonly add1?: number; readonly rescale?: boolean } = {},
  ): void {
    const { ring, kernels, parameters } = this.context;
    kernels.call(
      Op.keySwitch, ring.handle, dst0, dst1, src, options.add0 ?? 0, options.add1 ?? 0, key.galois,
      key.slab.address(), key.level + 1, options.rescale ? 1 : 0,
      parameters.basis(level), parameters.specialBasis(key.gadget.special), digitSizesAt(key.gadget, level),
    ); // biome-ignore format: one kernel call
  }

  /**
   * For each rotation dst = src(X^galois of its key), at `level`. The digits of src are extended once for each number of
   * special primes, in which keys of different levels may differ.
   */
  rotateHoisted(
    src: Pair,
    level: number,
    rotations: readonly { readonly key: SwitchingKey; readonly dst: Pair }[],
  ): void {
    for (const special of new Set(rotations.map(({ key }) => key.gadget.special)))
      this.#rotateWith(
        src,
        { level, special },
        rotations.filter(({ key }) => key.gadget.special === special),
      );
  }

  #rotateWith(
    [src0, src1]: Pair,
    basis: ExtendedBasis,
    rotations: readonly { readonly key: SwitchingKey; readonly dst: Pair }[],
  ): void {
    const words = this.words(basis);
    using digits = this.decompose(src1, basis);
    using sums = new Slab(this.context.kernels, 2 * words);
    using scaled = this.timesSpecial(src0, basis);
    const sum: Pair = [sums.address(), sums.address(words)];
    for (const { key, dst } of rotations) {
      this.innerProduct(sum, digits, key, { addend: scaled.address() });
      this.modDown([0, 1].map((half) => ({ dst: dst[half]!, src: sum[half]! })), basis); // biome-ignore format: short
    }
  }

  /** P * src in the extended basis: a polynomial that a later division by P gives back. The caller releases it. */
  timesSpecial(src: number, { level, special }: ExtendedBasis): Slab {
    const { ring, kernels, parameters } = this.context;
    const slab = new Slab(kernels, this.words({ level, special }));
    const product = parameters.specialBasis(special).reduce((p, i) => p * BigInt(parameters.primes[i]!), 1n);
    ring.multiplyScalar(slab.address(), src, product, parameters.basis(level));
    slab.wordsView((level + 1) * ring.n).fill(0n);
    return slab;
  }
}
