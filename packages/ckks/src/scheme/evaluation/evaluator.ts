import { OperandError } from '../../errors/index.ts';
import { Op } from '../../kernels/index.ts';
import { conjugationElement, galoisElement } from '../../ring/index.ts';
import type { EvaluationKeys, SwitchingKey } from '../keys/evaluation-keys.ts';
import type { Context } from '../parameters/context.ts';
import { checkConstant, checkRoom, checkScale, scaledInteger } from '../parameters/range.ts';
import { type Ciphertext, type Plaintext, sameScale } from '../values/ciphertext.ts';
import { KeySwitcher, pairOf } from './key-switcher.ts';
import { checkFactors, checkOperand, checkRescales, checkSlots, checkSummands, checkTwoParts } from './operands.ts';

/**
 * Operations on ciphertexts. Results are new ciphertexts that the caller disposes of; only the `...To` forms change an
 * operand, the one they name first. Levels and scales are exact; where nothing is said a result has those of `a`.
 *
 * Noise is that of `NoiseModel`, whose method is named: e is the variance of an operand's error. Costs are in key switches
 * (KS), each about Parameters' keySwitchTransforms limb NTTs; where none is named an operation passes over the limbs once,
 * without a transform.
 * @throws OperandError for operands that do not fit: nothing is adjusted silently. KeyError where a key switch lacks its key
 */
export class Evaluator {
  readonly context: Context;
  /** The same keys for circuits that work on limbs. */
  readonly switcher: KeySwitcher;

  constructor(context: Context, keys?: EvaluationKeys) {
    this.context = context;
    this.switcher = new KeySwitcher(context, keys);
  }

  /** a + b, for equal scales and slots. Level: the lower of both. Noise: `sum`. */
  add(a: Ciphertext, b: Ciphertext | Plaintext): Ciphertext {
    return this.#sum(a, b, 'add', (dst, x, y, basis) => this.context.ring.add(dst, x, y, basis));
  }

  /** a - b, as `add`. */
  subtract(a: Ciphertext, b: Ciphertext | Plaintext): Ciphertext {
    return this.#sum(a, b, 'subtract', (dst, x, y, basis) => this.context.ring.subtract(dst, x, y, basis));
  }

  #sum(
    a: Ciphertext,
    b: Ciphertext | Plaintext,
    what: string,
    apply: (dst: number, x: number, y: number, basis: readonly number[]) => void,
  ): Ciphertext {
    checkSummands(this.context, a, b, what);
    const plain = b.size === 1;
    if (!plain && a.size !== b.size)
      throw new OperandError(`cannot ${what} ciphertexts of ${a.size} and ${b.size} parts: relinearise first`);
    const level = Math.min(a.level, b.level);
    checkScale(this.context.parameters, a.scale, level);
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

  /** dst += b, for equal scales and slots; drops dst to b's level where that is lower. Noise: `sum`. */
  addTo(dst: Ciphertext, b: Ciphertext): void {
    checkSummands(this.context, dst, b, 'add');
    if (b.size > dst.size)
      throw new OperandError(`cannot add a ciphertext of ${b.size} parts to one of ${dst.size}: relinearise it first`);
    if (b.level < dst.level) dst.dropTo(b.level);
    for (let i = 0; i < b.size; i++) this.context.ring.add(dst.part(i), dst.part(i), b.part(i), dst.basis);
  }

  /** -a. Noise: e. */
  negate(a: Ciphertext): Ciphertext {
    checkOperand(this.context, a, 'the ciphertext');
    const result = a.like();
    for (let i = 0; i < a.size; i++) this.context.ring.negate(result.part(i), a.part(i), a.basis);
    return result;
  }

  /** a + value in every slot (a real number). Noise: e, and the value is rounded to a multiple of 1 / scale. */
  addConstant(a: Ciphertext, value: number): Ciphertext {
    checkOperand(this.context, a, 'the ciphertext');
    const result = a.copy();
    try {
      this.addConstantTo(result, value);
    } catch (error) {
      result[Symbol.dispose]();
      throw error;
    }
    return result;
  }

  /** a += value in every slot, as `addConstant`. */
  addConstantTo(a: Ciphertext, value: number): void {
    checkOperand(this.context, a, 'the ciphertext');
    const integer = scaledInteger(value, a.scale);
    checkConstant(this.context.parameters, value, a.scale, a.level);
    this.context.ring.addScalar(a.part(0), a.part(0), integer, a.basis);
  }

  /** a * integer, exactly; refused where 1 * integer would leave the modulus. Noise: e * integer^2. */
  multiplyInteger(a: Ciphertext, integer: bigint): Ciphertext {
    checkOperand(this.context, a, 'the ciphertext');
    checkRoom(this.context.parameters, Math.abs(Number(integer)) * a.scale, a.level, () => `a multiple by ${integer}`);
    const result = a.like();
    for (let i = 0; i < a.size; i++) this.context.ring.multiplyScalar(result.part(i), a.part(i), integer, a.basis);
    return result;
  }

  /** a * value in every slot, the value rounded at `valueScale`. Scale: a.scale * valueScale. Noise: e * (value * valueScale)^2. */
  multiplyConstant(a: Ciphertext, value: number, valueScale: number): Ciphertext {
    const integer = scaledInteger(value, valueScale);
    checkConstant(this.context.parameters, value, valueScale, a.level);
    checkScale(this.context.parameters, a.scale * valueScale, a.level);
    const result = this.multiplyInteger(a, integer);
    result.scale = a.scale * valueScale;
    return result;
  }

  /** a * p slot by slot; a plaintext of fewer slots repeats. Level: the lower of both. Scale: the product. Noise: `plainProduct`. */
  multiplyPlain(a: Ciphertext, p: Plaintext): Ciphertext {
    checkOperand(this.context, a, 'the ciphertext');
    checkOperand(this.context, p, 'the plaintext');
    checkSlots(a, p, 'multiply');
    const level = Math.min(a.level, p.level);
    checkScale(this.context.parameters, a.scale * p.scale, level);
    const result = a.like({ level, scale: a.scale * p.scale });
    for (let i = 0; i < a.size; i++) this.context.ring.multiply(result.part(i), a.part(i), p.part(0), result.basis);
    return result;
  }

  /** a * b, relinearised and rescaled: `multiplyRaw`, then `relineariseRescale`. 1 KS; level - 1. */
  multiply(a: Ciphertext, b: Ciphertext): Ciphertext {
    using product = this.multiplyRaw(a, b);
    return this.relineariseRescale(product);
  }

  /** a * b slot by slot, three parts, not relinearised. Level: the lower of both. Scale: the product. Noise: `product`. No KS. */
  multiplyRaw(a: Ciphertext, b: Ciphertext): Ciphertext {
    checkFactors(this.context, a, b);
    const level = Math.min(a.level, b.level);
    checkScale(this.context.parameters, a.scale * b.scale, level);
    const result = a.like({ level, scale: a.scale * b.scale, size: 3 });
    this.#tensor(Op.tensor, result, a, b);
    return result;
  }

  /**
   * dst (+)= a * b for a three-part dst: sums of products relinearised once. Drops dst to the factors' level where that
   * is lower; its scale must be their product. Noise: `sum` of dst and `product`. No KS.
   */
  multiplyRawTo(dst: Ciphertext, a: Ciphertext, b: Ciphertext, accumulate = true): void {
    checkOperand(this.context, dst, 'the destination');
    checkFactors(this.context, a, b);
    checkSlots(dst, a, 'accumulate a product of');
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

  /** A product of three parts back to two. Noise: `keySwitch`. 1 KS. */
  relinearise(a: Ciphertext): Ciphertext {
    return this.#relinearise(a, false);
  }

  /** Relinearises and rescales with one division. Level - 1. Scale: divided by the level's prime. Noise: `relineariseRescale`. 1 KS. */
  relineariseRescale(a: Ciphertext): Ciphertext {
    return this.#relinearise(a, true);
  }

  #relinearise(a: Ciphertext, rescale: boolean): Ciphertext {
    const { context, switcher } = this;
    checkOperand(context, a, 'the ciphertext');
    if (a.size !== 3) throw new OperandError('this ciphertext already has two parts: nothing to relinearise');
    if (rescale) checkRescales(a);
    const key = switcher.keysFor('relinearisation').relinearisation(a.level);
    const level = a.level - (rescale ? 1 : 0);
    const scale = rescale ? a.scale / context.parameters.primeAt(a.level) : a.scale;
    checkScale(context.parameters, scale, level);
    const result = a.like({ size: 2, level, scale });
    const [add0, add1] = pairOf(a);
    switcher.keySwitch(pairOf(result), a.part(2), a.level, key, { add0, add1, rescale });
    return result;
  }

  /** Divides value and scale by the level's prime. Level - 1. Noise: `rescale`. Transforms every limb of every part. */
  rescale(a: Ciphertext): Ciphertext {
    checkOperand(this.context, a, 'the ciphertext');
    checkRescales(a);
    const { parameters, ring } = this.context;
    const scale = a.scale / parameters.primeAt(a.level);
    checkScale(parameters, scale, a.level - 1);
    const result = a.like({ level: a.level - 1, scale });
    const pairs = Array.from({ length: a.size }, (_, i) => ({ dst: result.part(i), src: a.part(i) }));
    ring.divide(pairs, result.basis, [a.level]);
    return result;
  }

  /** Slots rotated to the left by `steps`: slot i of the result is slot i + steps. Noise: `keySwitch`. 1 KS; a whole turn is a copy. */
  rotate(a: Ciphertext, steps: number): Ciphertext {
    checkTwoParts(this.context, a, 'a rotation');
    const key = this.#rotation(steps, a);
    return key ? this.#move(a, key) : a.copy();
  }

  /** Every slot conjugated. Noise: `keySwitch`. 1 KS. */
  conjugate(a: Ciphertext): Ciphertext {
    return this.applyGalois(a, conjugationElement(this.context.ring.logN), 'conjugation');
  }

  /** a(X^galois). `what` names the operation in a missing key's error. Noise: `keySwitch`. 1 KS. */
  applyGalois(a: Ciphertext, galois: number, what = `the automorphism ${galois}`): Ciphertext {
    checkTwoParts(this.context, a, what);
    return this.#move(a, this.switcher.keysFor(what).galois(galois, a.level, what));
  }

  #move(a: Ciphertext, key: SwitchingKey): Ciphertext {
    const result = a.like();
    this.switcher.keySwitch(pairOf(result), a.part(1), a.level, key, { add0: a.part(0) });
    return result;
  }

  /** Several rotations of one ciphertext: its digits are extended once. Noise: `keySwitch`. About half a KS each. */
  rotateHoisted(a: Ciphertext, steps: readonly number[]): Ciphertext[] {
    checkTwoParts(this.context, a, 'a hoisted rotation');
    const keys = steps.map((step) => this.#rotation(step, a));
    const results = keys.map((key) => (key ? a.like() : a.copy()));
    const rotations = keys.flatMap((key, i) => (key ? { key, dst: pairOf(results[i]!) } : []));
    this.switcher.rotateHoisted(pairOf(a), a.level, rotations);
    return results;
  }

  /** The key that rotates `a` by `steps`; none for a whole turn. Sparse slots repeat, so a key for `steps` taken modulo the slots serves too. */
  #rotation(steps: number, a: Ciphertext): SwitchingKey | undefined {
    const { logN } = this.context.ring;
    const shift = rotationOf(steps, a.slots);
    if (shift === 0) return undefined;
    const what = `a rotation by ${shift}`;
    const keys = this.switcher.keysFor(what);
    const asAsked = galoisElement(steps, logN);
    return keys.galois(keys.hasGalois(asAsked, a.level) ? asAsked : galoisElement(shift, logN), a.level, what);
  }
}

/** `steps` modulo the slots. */
function rotationOf(steps: number, slots: number): number {
  if (!Number.isSafeInteger(steps)) throw new OperandError(`slots rotate by a whole number of steps, not ${steps}`);
  return ((steps % slots) + slots) % slots;
}
