import { KeyError, OperandError } from '../errors/index.ts';
import { Op, Slab } from '../kernels/index.ts';
import { conjugationElement, galoisElement } from '../ring/index.ts';
import { type Ciphertext, type Plaintext, sameScale } from './ciphertext.ts';
import type { Context } from './context.ts';
import type { EvaluationKeys, SwitchingKey } from './keys.ts';
import { digitSizesAt } from './parameters.ts';
import { checkConstant, checkRoom, checkScale } from './range.ts';

/** The extended digits of a ciphertext's second polynomial, shared by all its rotations (hoisting). */
export interface Decomposition extends Disposable {
  readonly address: number;
  readonly digits: number;
  readonly level: number;
  readonly special: number;
}

/**
 * Operations on ciphertexts. Results are new ciphertexts that the caller disposes of; only the `...To` forms change an
 * operand, the one they name first. Levels and scales are exact: operands that do not fit raise an OperandError, nothing is adjusted silently.
 * Costs are in key switches (KS), each about Parameters' keySwitchTransforms limb NTTs.
 */
export class Evaluator {
  readonly context: Context;
  readonly keys: EvaluationKeys | undefined;

  constructor(context: Context, keys?: EvaluationKeys) {
    this.context = context;
    this.keys = keys;
    if (keys) context.require(keys.context, 'the evaluation keys');
  }

  /** a + b: equal scales and slots; the result is at the lower level. */
  add(a: Ciphertext, b: Ciphertext | Plaintext): Ciphertext {
    return this.#linear(a, b, 'add', (dst, x, y, basis) => this.context.ring.add(dst, x, y, basis));
  }

  /** a - b, as `add`. */
  subtract(a: Ciphertext, b: Ciphertext | Plaintext): Ciphertext {
    return this.#linear(a, b, 'subtract', (dst, x, y, basis) => this.context.ring.subtract(dst, x, y, basis));
  }

  /** -a. */
  negate(a: Ciphertext): Ciphertext {
    this.check(a, 'the ciphertext');
    const result = a.like();
    for (let i = 0; i < a.size; i++) this.context.ring.negate(result.part(i), a.part(i), a.basis);
    return result;
  }

  /** a + value in every slot (a real number). */
  addConstant(a: Ciphertext, value: number): Ciphertext {
    this.check(a, 'the ciphertext');
    const result = a.copy();
    try {
      this.addConstantTo(result, value);
    } catch (error) {
      result[Symbol.dispose]();
      throw error;
    }
    return result;
  }

  /** a += value in every slot. */
  addConstantTo(a: Ciphertext, value: number): void {
    this.check(a, 'the ciphertext');
    const integer = scaledInteger(value, a.scale);
    this.checkConstant(value, a.scale, a.level);
    this.context.ring.addScalar(a.part(0), a.part(0), integer, a.basis);
  }

  /** dst += b, for equal scales and slots; drops dst to b's level where that is lower. */
  addTo(dst: Ciphertext, b: Ciphertext): void {
    this.#requireSame(dst, b, 'add');
    if (b.size > dst.size)
      throw new OperandError(`cannot add a ciphertext of ${b.size} parts to one of ${dst.size}: relinearise it first`);
    if (b.level < dst.level) dst.dropTo(b.level);
    for (let i = 0; i < b.size; i++) this.context.ring.add(dst.part(i), dst.part(i), b.part(i), dst.basis);
  }

  /** a * integer, exactly; the scale does not change. @throws OperandError where 1 * integer leaves the modulus */
  multiplyInteger(a: Ciphertext, integer: bigint): Ciphertext {
    this.check(a, 'the ciphertext');
    checkRoom(this.context.parameters, Math.abs(Number(integer)) * a.scale, a.level, () => `a multiple by ${integer}`);
    const result = a.like();
    for (let i = 0; i < a.size; i++) this.context.ring.multiplyScalar(result.part(i), a.part(i), integer, a.basis);
    return result;
  }

  /** a * value in every slot, the value rounded at scale `valueScale`; the result's scale is the product of both. */
  multiplyConstant(a: Ciphertext, value: number, valueScale: number): Ciphertext {
    const integer = scaledInteger(value, valueScale);
    this.checkConstant(value, valueScale, a.level);
    this.checkScale(a.scale * valueScale, a.level);
    const result = this.multiplyInteger(a, integer);
    result.scale = a.scale * valueScale;
    return result;
  }

  /** a * p slot by slot; scales multiply. A plaintext of fewer slots repeats. */
  multiplyPlain(a: Ciphertext, p: Plaintext): Ciphertext {
    this.check(a, 'the ciphertext');
    this.check(p, 'the plaintext');
    this.#requireSlots(a, p, 'multiply');
    const level = Math.min(a.level, p.level);
    this.checkScale(a.scale * p.scale, level);
    const result = a.like({ level, scale: a.scale * p.scale });
    for (let i = 0; i < a.size; i++) this.context.ring.multiply(result.part(i), a.part(i), p.part(0), result.basis);
    return result;
  }

  /** a * b slot by slot, three parts, not relinearised; scales multiply. No KS. */
  multiplyRaw(a: Ciphertext, b: Ciphertext): Ciphertext {
    this.#requireFactors(a, b);
    const level = Math.min(a.level, b.level);
    this.checkScale(a.scale * b.scale, level);
    const result = a.like({ level, scale: a.scale * b.scale, size: 3 });
    this.#tensor(Op.tensor, result, a, b);
    return result;
  }

  /** dst (+)= a * b for a three-part dst: sums of products relinearised once. */
  multiplyRawTo(dst: Ciphertext, a: Ciphertext, b: Ciphertext, accumulate = true): void {
    this.check(dst, 'the destination');
    this.#requireFactors(a, b);
    this.#requireSlots(dst, a, 'accumulate a product of');
    if (dst.size !== 3) throw new OperandError(`a product has three parts, its destination ${dst.size}`);
    if (!sameScale(dst.scale, a.scale * b.scale)) {
      throw new OperandError(`cannot accumulate a product of scale ${a.scale * b.scale} onto scale ${dst.scale}`);
    }
    if (dst.level > Math.min(a.level, b.level)) dst.dropTo(Math.min(a.level, b.level));
    this.#tensor(accumulate ? Op.tensorAccumulate : Op.tensor, dst, a, b);
  }

  #tensor(op: Op, dst: Ciphertext, a: Ciphertext, b: Ciphertext): void {
    const { kernels, ring } = this.context;
    kernels.call(
      op, ring.handle, dst.part(0), dst.part(1), dst.part(2), a.part(0), a.part(1), b.part(0), b.part(1), dst.basis,
    ); // biome-ignore format: one kernel call
  }

  /** Back to two parts. 1 KS. */
  relinearise(a: Ciphertext): Ciphertext {
    return this.#relinearise(a, false);
  }

  /** Relinearises and rescales with one division. 1 KS; level - 1. */
  relineariseRescale(a: Ciphertext): Ciphertext {
    return this.#relinearise(a, true);
  }

  #relinearise(a: Ciphertext, rescale: boolean): Ciphertext {
    this.check(a, 'the ciphertext');
    if (a.size !== 3) throw new OperandError('this ciphertext already has two parts: nothing to relinearise');
    if (rescale) this.#requireLevel(a, 1, 'rescale');
    const key = this.#requireKeys('relinearisation').relinearisation(a.level);
    const level = a.level - (rescale ? 1 : 0);
    const scale = rescale ? a.scale / this.context.parameters.primeAt(a.level) : a.scale;
    this.checkScale(scale, level);
    const result = a.like({ size: 2, level, scale });
    this.keySwitch(result.part(0), result.part(1), a.part(2), a.level, key, {
      add0: a.part(0),
      add1: a.part(1),
      rescale,
    });
    return result;
  }

  /** a * b, relinearised and rescaled. 1 KS; level - 1. */
  multiply(a: Ciphertext, b: Ciphertext): Ciphertext {
    using product = this.multiplyRaw(a, b);
    return this.relineariseRescale(product);
  }

  /** Divides value and scale by the level's prime: level - 1. */
  rescale(a: Ciphertext): Ciphertext {
    this.check(a, 'the ciphertext');
    this.#requireLevel(a, 1, 'rescale');
    const { parameters, ring } = this.context;
    const scale = a.scale / parameters.primeAt(a.level);
    this.checkScale(scale, a.level - 1);
    const result = a.like({ level: a.level - 1, scale });
    const pairs = Array.from({ length: a.size }, (_, i) => ({ dst: result.part(i), src: a.part(i) }));
    ring.divide(pairs, result.basis, [a.level]);
    return result;
  }

  /** Slots rotated to the left by `steps`: slot i of the result is slot i + steps. 1 KS. */
  rotate(a: Ciphertext, steps: number): Ciphertext {
    this.#requireTwoParts(a, 'a rotation');
    const key = this.#rotation(steps, a);
    return key ? this.#move(a, key) : a.copy();
  }

  /** Every slot conjugated. 1 KS. */
  conjugate(a: Ciphertext): Ciphertext {
    return this.applyGalois(a, conjugationElement(this.context.ring.logN), 'conjugation');
  }

  /** a(X^galois). 1 KS. `what` names the operation in a missing key's error. */
  applyGalois(a: Ciphertext, galois: number, what = `the automorphism ${galois}`): Ciphertext {
    this.#requireTwoParts(a, what);
    return this.#move(a, this.#requireKeys(what).galois(galois, a.level, what));
  }

  /** The key that rotates `a` by `steps`; none for a whole turn. Sparse slots repeat, so a key for `steps` taken modulo the slots serves too. */
  #rotation(steps: number, a: Ciphertext): SwitchingKey | undefined {
    const { logN } = this.context.ring;
    const shift = rotationOf(steps, a.slots);
    if (shift === 0) return undefined;
    const what = `a rotation by ${shift}`;
    const keys = this.#requireKeys(what);
    const asAsked = galoisElement(steps, logN);
    return keys.galois(keys.hasGalois(asAsked, a.level) ? asAsked : galoisElement(shift, logN), a.level, what);
  }

  #move(a: Ciphertext, key: SwitchingKey): Ciphertext {
    const result = a.like();
    this.keySwitch(result.part(0), result.part(1), a.part(1), a.level, key, { add0: a.part(0) });
    return result;
  }

  /** Several rotations of one ciphertext: its digits are extended once. About half the cost of a rotation each. */
  rotateHoisted(a: Ciphertext, steps: readonly number[]): Ciphertext[] {
    this.#requireTwoParts(a, 'a hoisted rotation');
    const wanted = steps.map((step) => this.#rotation(step, a));
    const results = wanted.map((key) => (key ? a.like() : a.copy()));
    // Keys of different levels may differ in their special primes: the digits are extended once for each kind.
    for (const special of new Set(wanted.flatMap((key) => key?.gadget.special ?? []))) {
      this.#rotateWith(
        a,
        special,
        wanted.flatMap((key, i) => (key?.gadget.special === special ? { key, result: results[i]! } : [])),
      );
    }
    return results;
  }

  #rotateWith(a: Ciphertext, special: number, rotations: readonly { key: SwitchingKey; result: Ciphertext }[]): void {
    const { ring, parameters, kernels } = this.context;
    const half = (a.level + 1 + special) * ring.n;
    using decomposition = this.decompose(a.part(1), a.level, special);
    using sums = new Slab(kernels, 2 * half);
    using scaled = this.#timesSpecial(a.part(0), a.level, special);
    for (const { key, result } of rotations) {
      this.innerProduct(sums.address(), sums.address(half), decomposition, key, { addend: scaled.address() });
      ring.divide(
        [
          { dst: result.part(0), src: sums.address() },
          { dst: result.part(1), src: sums.address(half) },
        ],
        a.basis,
        parameters.specialBasis(special),
      );
    }
  }

  /** P * src in the extended basis: a polynomial that a later division by P gives back. */
  #timesSpecial(src: number, level: number, special: number): Slab {
    const { ring, kernels, parameters } = this.context;
    const slab = new Slab(kernels, (level + 1 + special) * ring.n);
    const product = parameters.specialBasis(special).reduce((p, i) => p * BigInt(parameters.primes[i]!), 1n);
    ring.multiplyScalar(slab.address(), src, product, parameters.basis(level));
    slab.wordsView((level + 1) * ring.n).fill(0n);
    return slab;
  }

  /** The key for a rotation by `steps` (in [0, slots)) at `level`, for digits extended by `special` special primes. */
  rotationKey(steps: number, level: number, special: number): SwitchingKey {
    const what = `a rotation by ${steps} with ${special} special primes`;
    return this.#requireKeys(what).galois(galoisElement(steps, this.context.ring.logN), level, what, special);
  }

  /** The extended digits of the polynomial at `src`, for keys with `special` special primes. */
  decompose(src: number, level: number, special: number): Decomposition {
    const { ring, kernels, parameters } = this.context;
    const gadget = parameters.gadgetWith(level, special);
    if (!gadget) throw new KeyError(`${special} special primes are too few for the primes of level ${level}`);
    const sizes = digitSizesAt(gadget, level);
    const slab = new Slab(kernels, sizes.length * (level + 1 + special) * ring.n);
    kernels.call(
      Op.decompose,
      ring.handle,
      slab.address(),
      src,
      parameters.basis(level),
      parameters.specialBasis(special),
      sizes,
    );
    return { address: slab.address(), digits: sizes.length, level, special, [Symbol.dispose]: () => slab.release() };
  }

  /** (dst0, dst1) (+)= ((addend, 0) + digits * key)(X^galois of the key), in the basis of the level and P. */
  innerProduct(
    dst0: number,
    dst1: number,
    digits: Decomposition,
    key: SwitchingKey,
    options: { addend?: number; accumulate?: boolean } = {},
  ): void {
    const { ring, kernels, parameters } = this.context;
    kernels.call(
      options.accumulate ? Op.innerProductAccumulate : Op.innerProduct, ring.handle, dst0, dst1,
      digits.address, options.addend ?? 0, key.galois, key.slab.address(), key.level + 1, digits.digits,
      parameters.basis(digits.level), parameters.specialBasis(digits.special),
    ); // biome-ignore format: one kernel call
  }

  /** A whole key switch of the polynomial `src` at `level`; see native/ops/keyswitch.hpp. */
  keySwitch(
    dst0: number,
    dst1: number,
    src: number,
    level: number,
    key: SwitchingKey,
    options: { add0?: number; add1?: number; rescale?: boolean } = {},
  ): void {
    const { ring, kernels, parameters } = this.context;
    kernels.call(
      Op.keySwitch, ring.handle, dst0, dst1, src, options.add0 ?? 0, options.add1 ?? 0, key.galois,
      key.slab.address(), key.level + 1, options.rescale ? 1 : 0,
      parameters.basis(level), parameters.specialBasis(key.gadget.special), digitSizesAt(key.gadget, level),
    ); // biome-ignore format: one kernel call
  }

  #requireFactors(a: Ciphertext, b: Ciphertext): void {
    this.check(a, 'the first operand');
    this.check(b, 'the second operand');
    this.#requireSlots(a, b, 'multiply');
    if (a.size !== 2 || b.size !== 2)
      throw new OperandError(
        `a product needs operands of two parts, not ${a.size} and ${b.size}: relinearise them first`,
      );
  }

  #linear(
    a: Ciphertext,
    b: Ciphertext | Plaintext,
    what: string,
    apply: (dst: number, x: number, y: number, basis: readonly number[]) => void,
  ): Ciphertext {
    this.#requireSame(a, b, what);
    const plain = b.size === 1;
    if (!plain && a.size !== b.size)
      throw new OperandError(`cannot ${what} ciphertexts of ${a.size} and ${b.size} parts: relinearise first`);
    const level = Math.min(a.level, b.level);
    this.checkScale(a.scale, level);
    const result = a.like({ level });
    const { ring } = this.context;
    for (let i = 0; i < a.size; i++) {
      if (plain && i > 0) {
        ring.addScalar(result.part(i), a.part(i), 0n, result.basis);
      } else {
        apply(result.part(i), a.part(i), b.part(i), result.basis);
      }
    }
    return result;
  }

  /** Asks for an operand of this context that has not been disposed of. @throws OperandError for any other */
  check(operand: Ciphertext | Plaintext, what: string): void {
    this.context.require(operand.context, what);
    if (operand.slab.released)
      throw new OperandError(`${what} was disposed of: keep it until its last use (does a using block end too early?)`);
  }

  /** Ciphertexts hold equally many values; a plaintext may repeat fewer. */
  #requireSlots(a: Ciphertext, b: Ciphertext | Plaintext, what: string): void {
    if (a.slots === b.slots || (b.size === 1 && b.slots < a.slots)) return;
    throw new OperandError(
      `cannot ${what} operands of ${a.slots} and ${b.slots} slots: encode both with the same option slots`,
    );
  }

  /** Asks that a constant at `scale` fits what decoding reads at `level`. @throws OperandError where it does not */
  checkConstant(value: number, scale: number, level: number): void {
    checkConstant(this.context.parameters, value, scale, level);
  }

  /**
   * Asks that a value of absolute value 1 at `scale` fits the modulus of `level`, and is not rounded away.
   * @throws OperandError where it does not
   */
  checkScale(scale: number, level: number): void {
    checkScale(this.context.parameters, scale, level);
  }

  #requireSame(a: Ciphertext, b: Ciphertext | Plaintext, what: string): void {
    this.check(a, 'the first operand');
    this.check(b, 'the second operand');
    this.#requireSlots(a, b, what);
    if (!sameScale(a.scale, b.scale)) {
      throw new OperandError(
        `cannot ${what} operands of scale 2^${Math.log2(a.scale).toFixed(6)} and 2^${Math.log2(b.scale).toFixed(6)}: ` +
          'encode the plaintext at the ciphertext’s scale, or multiply one side by a constant that brings the scales together',
      );
    }
  }

  #requireLevel(a: Ciphertext, level: number, what: string): void {
    if (a.level < level)
      throw new OperandError(
        `cannot ${what} at level ${a.level}: bootstrap the ciphertext first, or start at a higher level`,
      );
  }

  #requireTwoParts(a: Ciphertext, what: string): void {
    this.check(a, `the operand of ${what}`);
    if (a.size !== 2)
      throw new OperandError(`${what} needs a ciphertext of two parts, not ${a.size}: relinearise it first`);
  }

  #requireKeys(what: string): EvaluationKeys {
    if (!this.keys)
      throw new KeyError(
        `this evaluator has no evaluation keys, and ${what} needs one: pass EvaluationKeys to its constructor`,
      );
    return this.keys;
  }
}

/** `steps` modulo the slots. */
function rotationOf(steps: number, slots: number): number {
  if (!Number.isSafeInteger(steps)) throw new OperandError(`slots rotate by a whole number of steps, not ${steps}`);
  return ((steps % slots) + slots) % slots;
}

/** round(value * scale) as an exact integer, beyond 2^53 too. */
export function scaledInteger(value: number, scale: number): bigint {
  if (!Number.isFinite(value * scale)) throw new OperandError(`the constant ${value} is not finite at scale ${scale}`);
  const product = value * scale;
  if (Math.abs(product) < 2 ** 52) return BigInt(Math.round(product));
  return BigInt(product);
}
