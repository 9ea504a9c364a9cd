import { apart, decimals } from '@cipherformer/base';
import { OperandError } from '../../errors/index.ts';
import { galoisElement } from '../../ring/index.ts';
import { Ciphertext, type Context, checkOperand, Evaluator, pairOf } from '../../scheme/index.ts';
import type { LinearTransform } from '../linear/linear-transform.ts';
import type { BootstrapKeys } from './bootstrap-keys.ts';
import type { BootstrapMatrices } from './bootstrap-matrices.ts';
import type { BootstrapPlan } from './bootstrap-plan.ts';

/** The least log2(q0 / scale) is by so much below that of EvalMod's largest message: 3 bits leave 11 of a slot of absolute value 1. */
const spareRatioBits = 3;

/**
 * Bootstrapping in the slim order (Chen, Han, EUROCRYPT 2018): SlotsToCoeffs at the bottom of the chain, ModRaise under a
 * sparse ephemeral secret (Bossuat, Troncoso-Pastoriza, Hubaux, ACNS 2022), CoeffsToSlots and EvalMod at the top.
 * Input: slots of absolute value at most 1 at level >= plan.inputLevel, left as it was; output at plan.outputLevel, at
 * the parameters' scale. q0 divided by the input's scale should be about 1 / EvalMod's largest message, 2^10 unless it has an
 * arcsine: that ratio trades the sine's error for noise.
 * It owns neither the matrices, which other key sets may share, nor the keys: both have to outlive it. Cost of refreshing a
 * real ciphertext: plan.transforms limb NTTs.
 * @throws OperandError for a ciphertext that does not fit, KeyError for a missing key
 */
export class Bootstrapper {
  readonly plan: BootstrapPlan;
  readonly #context: Context;
  readonly #matrices: BootstrapMatrices;
  readonly #keys: BootstrapKeys;
  readonly #evaluator: Evaluator;

  /** @throws OperandError for keys of other parameters than the matrices', or of another kernel instance */
  constructor(matrices: BootstrapMatrices, keys: BootstrapKeys) {
    const { context, plan } = matrices;
    context.require(keys.toSparse.context, 'the key to the sparse secret');
    context.require(keys.toDense.context, 'the key from the sparse secret');
    this.#context = context;
    this.plan = plan;
    this.#matrices = matrices;
    this.#keys = keys;
    this.#evaluator = new Evaluator(context, keys.evaluation);
  }

  /** Refreshes real slots (imaginary parts are dropped). One EvalMod. */
  real(a: Ciphertext): Ciphertext {
    using raised = this.#raiseToSlots(a);
    using conjugate = this.#evaluator.conjugate(raised);
    using sum = this.#evaluator.add(raised, conjugate);
    return this.#evalMod(sum, a.scale);
  }

  /** Refreshes complex slots. Two EvalMods. */
  complex(a: Ciphertext): Ciphertext {
    const parts = this.#parts(a);
    using real = parts[0];
    using imag = parts[1];
    using turned = this.#timesImaginaryUnit(imag);
    return this.#evaluator.add(real, turned);
  }

  /** Refreshes two real ciphertexts as one complex: one ModRaise and CoeffsToSlots, two EvalMods. */
  pair(a: Ciphertext, b: Ciphertext): [Ciphertext, Ciphertext] {
    using turned = this.#timesImaginaryUnit(b);
    using packed = this.#evaluator.add(a, turned);
    return this.#parts(packed);
  }

  /** Several real ciphertexts, in pairs; none give none. Results in the order of the operands. */
  many(ciphertexts: readonly Ciphertext[]): Ciphertext[] {
    const results: Ciphertext[] = [];
    try {
      for (let i = 0; i + 1 < ciphertexts.length; i += 2)
        results.push(...this.pair(ciphertexts[i]!, ciphertexts[i + 1]!));
      if (ciphertexts.length % 2 === 1) results.push(this.real(ciphertexts.at(-1)!));
    } catch (error) {
      for (const result of results) result[Symbol.dispose]();
      throw error;
    }
    return results;
  }

  /** Refreshes the real and the imaginary parts of the slots, each as a real ciphertext. */
  #parts(a: Ciphertext): [Ciphertext, Ciphertext] {
    const ev = this.#evaluator;
    using raised = this.#raiseToSlots(a);
    using conjugate = ev.conjugate(raised);
    using real = ev.add(raised, conjugate);
    using difference = ev.subtract(conjugate, raised);
    using imag = this.#timesImaginaryUnit(difference);
    return [this.#evalMod(real, a.scale), this.#evalMod(imag, a.scale)];
  }

  /** i * a: exact, no level. */
  #timesImaginaryUnit(a: Ciphertext): Ciphertext {
    return this.#evaluator.multiplyPlain(a, this.#matrices.imaginaryUnit);
  }

  /** From slots to x / (2 halfWidth) in the slots, x = I + m / q0 the raised coefficients, at the split level. */
  #raiseToSlots(a: Ciphertext): Ciphertext {
    checkOperand(this.#context, a, 'the ciphertext to refresh');
    if (a.slots !== this.plan.slots)
      throw new OperandError(`this bootstrapper refreshes ${this.plan.slots} slots, the ciphertext has ${a.slots}`);
    if (a.level < this.plan.inputLevel) {
      throw new OperandError(
        `a bootstrap starts at level ${this.plan.inputLevel} or above, the ciphertext is at level ${a.level}: bootstrap earlier`,
      );
    }
    const ratio = Math.log2(this.#context.parameters.primeAt(0) / a.scale);
    const minRatioBits = -Math.log2(this.plan.evalMod.options.message) - spareRatioBits;
    if (ratio < minRatioBits) {
      const [actual, least] = apart(ratio, minRatioBits, decimals, 1);
      throw new OperandError(
        `a ciphertext of scale 2^${Math.log2(a.scale).toFixed(1)} is too close to q0, which is 2^${actual} times as large: ` +
          `EvalMod needs 2^${least} times; rescale the ciphertext, or refresh it at the parameters' scale`,
      );
    }
    let at = this.#chain(this.#matrices.slotsToCoeffs, a);
    at = replace(at, this.#modRaise(at));
    for (let i = 0; i < this.plan.traceSteps; i++) {
      using moved = this.#evaluator.applyGalois(
        at,
        galoisElement(this.plan.slots * 2 ** i, this.#context.ring.logN),
        'the trace of sparse slots',
      );
      at = replace(at, this.#evaluator.add(at, moved));
    }
    return replace(at, this.#chain(this.#matrices.coeffsToSlots, at));
  }

  #chain(transforms: readonly LinearTransform[], a: Ciphertext): Ciphertext {
    let at: Ciphertext | undefined;
    for (const transform of transforms) {
      const next = transform.apply(this.#evaluator, at ?? a);
      at?.[Symbol.dispose]();
      at = next;
    }
    return at!;
  }

  /** m modulo q0 -> m + q0 I modulo the whole chain, |I| small because the secret is sparse meanwhile. */
  #modRaise(a: Ciphertext): Ciphertext {
    const { ring, parameters } = this.#context;
    using sparse = a.like({ level: 0 });
    const { switcher } = this.#evaluator;
    switcher.keySwitch(pairOf(sparse), a.part(1), 0, this.#keys.toSparse, { add0: a.part(0) });
    const top = parameters.maxLevel;
    // As numbers the slots are now (m + q0 I) / q0.
    const scale = parameters.primeAt(0);
    using raised = new Ciphertext(this.#context, top, scale, a.slots);
    for (const part of [0, 1]) ring.raise(raised.part(part), sparse.part(part), 0, raised.basis);
    const result = new Ciphertext(this.#context, top, scale, a.slots);
    switcher.keySwitch(pairOf(result), raised.part(1), top, this.#keys.toDense, { add0: raised.part(0) });
    return result;
  }

  /** x -> x mod 1 = m / q0; the slots then mean m at the parameters' scale. */
  #evalMod(x: Ciphertext, inputScale: number): Ciphertext {
    const { parameters } = this.#context;
    const ratio = parameters.primeAt(0) / inputScale;
    const result = this.plan.evalMod.apply(this.#evaluator, x, parameters.scale * ratio);
    result.scale = parameters.scale;
    return result;
  }
}

function replace(old: Ciphertext, next: Ciphertext): Ciphertext {
  old[Symbol.dispose]();
  return next;
}
