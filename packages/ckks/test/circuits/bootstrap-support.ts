// What the fast and the slow tests of bootstrapping share: inputs from every corner, precision in bits, work counted.
import {
  type BootstrapKeys,
  BootstrapPlan,
  type BootstrapPlanOptions,
  Bootstrapper,
  generateBootstrapKeys,
} from '../../src/circuits/index.ts';
import { type KernelArgument, type Kernels, Op } from '../../src/kernels/index.ts';
import type { Slots } from '../../src/scheme/index.ts';
import { type Laboratory, minus, realSlots, uniform } from '../scheme/support.ts';

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
  readonly bootstrapper: Bootstrapper;

  constructor(lab: Laboratory, options: BootstrapPlanOptions = {}) {
    this.plan = new BootstrapPlan(lab.parameters, options);
    this.keys = generateBootstrapKeys(lab.secret, this.plan);
    this.bootstrapper = new Bootstrapper(lab.context, this.plan, this.keys);
  }

  [Symbol.dispose](): void {
    this.bootstrapper[Symbol.dispose]();
    this.keys[Symbol.dispose]();
  }
}

/** Limb NTTs of one kernel call, from its arguments. */
function transformsOf(op: number, args: readonly KernelArgument[]): number {
  const length = (i: number) => (args[i] as readonly number[]).length;
  const extension = (q: number, special: number, sizes: number) =>
    length(q) + (args[sizes] as readonly number[]).reduce((sum, size) => sum + length(q) + length(special) - size, 0);
  switch (op) {
    case Op.nttForward:
    case Op.nttInverse:
      return length(3);
    case Op.divide:
      return (args[3] as number) * (length(1) + length(2));
    case Op.decompose:
      return extension(3, 4, 5);
    case Op.raise:
      return 1 + length(4);
    case Op.keySwitch:
      return extension(10, 11, 12) + 2 * (length(10) + length(11));
    default:
      return 0;
  }
}

/** Runs `run` and counts the kernel's limb NTTs. */
export function countTransforms(kernels: Kernels, run: () => void): number {
  let count = 0;
  const call = kernels.call.bind(kernels);
  kernels.call = (op, ...args) => {
    count += transformsOf(op, args);
    return call(op, ...args);
  };
  try {
    run();
  } finally {
    kernels.call = call;
  }
  return count;
}
