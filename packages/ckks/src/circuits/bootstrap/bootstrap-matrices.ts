import type { OnProgress } from '@cipherformer/base';
import { type Context, Encoder, type Plaintext } from '../../scheme/index.ts';
import type { DiagonalMatrix } from '../linear/diagonals.ts';
import { LinearTransform, type LinearTransformPlan } from '../linear/linear-transform.ts';
import type { BootstrapPlan } from './bootstrap-plan.ts';

/**
 * The encoded matrices of a bootstrap: made of parameters and a plan alone, so that one set serves the keys of any number
 * of clients. Whoever made it disposes of it, after the last bootstrapper that was given it.
 * Cost: an FFT and an NTT a limb for each diagonal; `bytes` of memory, 0.38 GiB at N = 2^16.
 */
export class BootstrapMatrices implements Disposable {
  readonly context: Context;
  readonly plan: BootstrapPlan;
  readonly #held: Disposable[] = [];
  /** In the order in which they are applied. */
  readonly slotsToCoeffs: readonly LinearTransform[];
  readonly coeffsToSlots: readonly LinearTransform[];
  /** The imaginary unit in every slot: X^(N/2), at scale 1, so that products with it are exact. */
  readonly imaginaryUnit: Plaintext;

  /**
   * @param progress told of each matrix; what it throws ends the work and leaves no memory behind
   * @throws OperandError for a plan of other parameters
   */
  constructor(context: Context, plan: BootstrapPlan, progress?: OnProgress) {
    plan.require(context.parameters);
    this.context = context;
    this.plan = plan;
    const { slotsToCoeffs, coeffsToSlots } = plan;
    const total = slotsToCoeffs.length + coeffsToSlots.length;
    const encoded = (matrices: readonly DiagonalMatrix[], plans: readonly LinearTransformPlan[]) =>
      matrices.map((matrix, i) => {
        const transform = this.#hold(new LinearTransform(context, matrix, { level: plans[i]!.level, fewKeys: true }));
        progress?.({ what: 'bootstrap matrices', done: this.#held.length, total });
        return transform;
      });
    try {
      this.slotsToCoeffs = encoded(plan.slotsToCoeffsMatrices(), slotsToCoeffs);
      this.coeffsToSlots = encoded(plan.coeffsToSlotsMatrices(), coeffsToSlots);
      const unit = new Encoder(context).encode([0], [1], { level: plan.splitLevel, scale: 1, slots: 1 });
      this.imaginaryUnit = this.#hold(unit);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Bytes of the encoded matrices. */
  get bytes(): number {
    return [...this.slotsToCoeffs, ...this.coeffsToSlots].reduce((sum, transform) => sum + transform.bytes, 0);
  }

  [Symbol.dispose](): void {
    for (const one of this.#held) one[Symbol.dispose]();
  }

  #hold<One extends Disposable>(one: One): One {
    this.#held.push(one);
    return one;
  }
}
