// What the tests of bootstrapping share, small and at full size: inputs from every corner, precision in bits, work counted.
import {
  type BootstrapKeys,
  BootstrapMatrices,
  BootstrapPlan,
  type BootstrapPlanOptions,
  Bootstrapper,
  generateBootstrapKeys,
} from '../../../src/circuits/index.ts';
import { type Kernels, workOf } from '../../../src/kernels/index.ts';
import type { Slots } from '../../../src/scheme/index.ts';
import { type Laboratory, minus, realSlots, uniform } from '../../scheme/support.ts';

/** Real inputs within the contract |slot| <= 1: random ones, and the corners where the sine's error is largest. */
export const inputs: Readonly<Record<string, (slots: number) => Slots>> = {
  uniform: (slots) => {
    const next = uniform(slots);
    return realSlots(slots, next);
  },
  'all +1': (slots) => realSlots(slots, () => 1),
  'all -1': (slots) => realSlots(slots, () => -1),
  alternating: (slots) => realSlots(slots, (i) => (i % 2 === 0 ? 1 : -1)),
  'one-hot': (slots) => realSlots(slots, (i) => (i === 5 % slots ? 1 : 0)),
  tiny: (slots) => realSlots(slots, (i) => 2 ** -20 * Math.cos(i)),
};

/** Bits after the binary point: of the mean over the slots of |error|, and of the worst slot. */
export function precision(measured: Slots, exact: Slots): { mean: number; worst: number } {
  const { real, imag } = minus(measured, exact);
  const errors = Array.from(real, (x, i) => Math.hypot(x, imag[i]!));
  const mean = errors.reduce((a, b) => a + b, 0) / errors.length;
  return { mean: -Math.log2(mean), worst: -Math.log2(errors.reduce((a, b) => Math.max(a, b), 0)) };
}

/** Bootstrapping on a laboratory's parameters and secret. */
export class BootstrapBench implements Disposable {
  readonly plan: BootstrapPlan;
  readonly keys: BootstrapKeys;
  readonly matrices: BootstrapMatrices;
  readonly bootstrapper: Bootstrapper;

  constructor(lab: Laboratory, options: BootstrapPlanOptions = {}) {
    this.plan = new BootstrapPlan(lab.parameters, options);
    this.keys = generateBootstrapKeys(lab.secret, this.plan);
    this.matrices = new BootstrapMatrices(lab.context, this.plan);
    this.bootstrapper = new Bootstrapper(this.matrices, this.keys);
  }

  [Symbol.dispose](): void {
    this.matrices[Symbol.dispose]();
    this.keys[Symbol.dispose]();
  }
}

/** Runs `run` and counts the kernels' limb NTTs. */
export function countTransforms(kernels: Kernels, run: () => void): number {
  let count = 0;
  kernels.observer = (op, args) => {
    count += workOf(op, args).transforms;
  };
  try {
    run();
  } finally {
    kernels.observer = undefined;
  }
  return count;
}
