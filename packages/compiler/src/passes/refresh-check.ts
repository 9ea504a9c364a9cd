import type { BootstrapLevels, Register, SlotVector } from '@cipherformer/runtime';
import { PlacementError } from '../errors.ts';
import { ScaleMatrix } from '../packing/scale-matrix.ts';
import type { MachineModel } from '../plan/machine.ts';
import type { CipherTensor, Emitter, Lowered } from './groups.ts';
import type { Placement } from './placement.ts';
import { tolerance } from './sentinel.ts';

/**
 * A bootstrap gives x back as 163 sin(x / 163), whose period is 1024 (or 32 and its arcsine, for a scale nearer to q0). What it
 * gives for x beyond half a period may look like a number in range, but is then farther from x than this share of a period; in
 * range the two differ by noise.
 */
const farFromOperand = 200 / 1024;

/**
 * Refreshed values are squared one by one until all of them together count at most this many times one alone. So one of
 * 1.1 times as much is found for certain: 1.65, where the sine's error is that of the worst slot a bootstrap is stated to
 * have (15.6 bits).
 */
const mostOfTogether = 1.5;

/**
 * Squarings of each of so many values, so that the sum of their powers tells one that is out of range by `mostOfTogether`
 * from all of them in range: values^(1 / 2^squarings) <= mostOfTogether. At least one: signs must not cancel.
 */
export function ownSquaringsFor(values: number): number {
  return Math.max(1, Math.ceil(Math.log2(Math.log(Math.max(1, values)) / Math.log(mostOfTogether))));
}

/** The least absolute value of a slot, of so many refreshed together, that is found for certain. 1 is in range. */
export function refreshTolerance(values: number): number {
  return tolerance * values ** (1 / 2 ** ownSquaringsFor(values));
}

/**
 * Adds every refreshed value to the sentinel's sum, as what is refreshed is known only after the placement. Two terms, of
 * the operand x of a bootstrap and its result y, slot by slot:
 * - (sum over all m refreshed ciphertexts of y^(2^p) / m)^(2^(k - p)): at most 1 in range, so one more argument among those
 *   of the polynomials; y^(2^p) is what each costs by itself. Arguments of polynomials are in the sum already, and left out.
 * - limit * ((y - x) / 200)^2, at a period of 1024: nothing in range, and above the limit where x is so far out that y is back.
 * Slots that hold no number are masked where they may hold something.
 * Cost for each ciphertext: p + 1 products, at levels far below a bootstrap's result.
 */
export class RefreshCheck {
  readonly #emitter: Emitter;
  readonly #sentinel: NonNullable<Lowered['sentinel']>;
  /** Refreshed ciphertexts but arguments. */
  readonly #values: number;
  /** Squarings of each value, and of their sum. */
  readonly #own: number;
  readonly #common: number;
  readonly #far: number;
  #powers: Register | undefined;
  #differences: Register | undefined;

  /** @throws PlacementError where a bootstrap leaves too few levels for the powers */
  constructor(
    emitter: Emitter,
    { tensors, sentinel }: Lowered & Required<Pick<Lowered, 'sentinel'>>,
    { refreshed }: Placement,
    machine: BootstrapLevels & Pick<MachineModel, 'period'>,
  ) {
    const counted = refreshed.flat().map((tensor) => tensors[tensor]!);
    this.#emitter = emitter;
    this.#sentinel = sentinel;
    this.#values = counted.reduce((sum, { argument, ciphertexts }) => sum + (argument ? 0 : ciphertexts), 0);
    this.#own = ownSquaringsFor(this.#values);
    this.#common = Math.max(0, sentinel.squarings - this.#own);
    this.#far = farFromOperand * machine.period;
    checkLevels(counted, this.#top, sentinel.level + 2, machine);
  }

  /** Adds one tensor that has been refreshed. Registers as its ciphertexts. */
  add(tensor: CipherTensor, operands: readonly Register[], results: readonly Register[]): void {
    const source = `${tensor.name} (range check)`;
    for (const [k, result] of results.entries()) {
      const mask = tensor.mask?.[k];
      this.#addDifference(source, operands[k]!, result, mask);
      if (!tensor.argument) this.#addPower(source, result, mask);
    }
  }

  /**
   * The whole sum.
   * @param sum that of the arguments, at the sentinel's level, where there are any
   * @returns undefined where there is nothing to check
   */
  finish(sum: Register | undefined): Register | undefined {
    const source = 'refreshed values (range check)';
    const { level } = this.#sentinel;
    let total = sum;
    if (this.#differences !== undefined) total = this.#sum(source, level, total, this.#differences);
    if (this.#powers !== undefined) {
      const at = level + this.#common;
      const mean = this.#scaled(source, at + 1, this.#powers, 1 / this.#values);
      total = this.#sum(source, level, total, this.#squared(source, at, mean, this.#common));
    }
    return total;
  }

  /** The level at which results are raised to their powers. */
  get #top(): number {
    return this.#sentinel.level + this.#common + 1 + this.#own;
  }

  #addPower(source: string, result: Register, mask: SlotVector | undefined): void {
    const value = mask ? this.#scaled(source, this.#top + 1, result, 1, mask) : result;
    const power = this.#squared(source, this.#top, value, this.#own);
    this.#powers = this.#sum(source, this.#top - this.#own, this.#powers, power);
  }

  #addDifference(source: string, operand: Register, result: Register, mask: SlotVector | undefined): void {
    const { level, limit } = this.#sentinel;
    const negative = this.#affine(source, level + 2, operand, -1);
    const difference = this.#sum(source, level + 2, result, negative);
    const scaled = this.#scaled(source, level + 2, difference, Math.sqrt(limit) / this.#far, mask);
    this.#differences = this.#sum(source, level, this.#differences, this.#squared(source, level + 1, scaled, 1));
  }

  #sum(source: string, level: number, left: Register | undefined, right: Register): Register {
    if (left === undefined) return right;
    const output = this.#emitter.register();
    this.#emitter.push({ op: 'add', source, level, left, right, output });
    return output;
  }

  #squared(source: string, level: number, value: Register, times: number): Register {
    let power = value;
    for (let i = 0; i < times; i++) {
      const output = this.#emitter.register();
      this.#emitter.push({ op: 'multiply', source, level: level - i, left: power, right: power, output });
      power = output;
    }
    return power;
  }

  /** factor * value, one level lower, at the slots of the mask where there is one. */
  #scaled(source: string, level: number, input: Register, factor: number, mask?: SlotVector): Register {
    if (!mask) return this.#affine(source, level, input, factor);
    const output = this.#emitter.register();
    const matrix = new ScaleMatrix([{ ...mask, values: () => mask.values().map((value) => factor * value) }]);
    const steps = { babySteps: [0], giantSteps: [0] };
    this.#emitter.push({ op: 'linear', source, level, inputs: [input], outputs: [output], matrix, ...steps });
    return output;
  }

  #affine(source: string, level: number, input: Register, factor: number): Register {
    const output = this.#emitter.register();
    const steps = [{ op: 'affine', terms: [{ value: 0, factor }], offset: 0 }] as const;
    this.#emitter.push({ op: 'polynomial', source, level, input, steps, output });
    return output;
  }
}

function checkLevels(
  refreshed: readonly CipherTensor[],
  top: number,
  differences: number,
  { bootstrapInputLevel, bootstrapOutputLevel }: BootstrapLevels,
): void {
  for (const { name, argument, mask } of refreshed) {
    const need = argument ? 0 : top + (mask ? 1 : 0);
    if (need > bootstrapOutputLevel)
      throw new PlacementError(
        `the range check of ${name} needs ${need} levels after its bootstrap, which leaves ${bootstrapOutputLevel}: use parameters with more levels`,
      );
    if (differences > bootstrapInputLevel)
      throw new PlacementError(
        `the range check of ${name} needs ${differences} levels before its bootstrap, which begins at ${bootstrapInputLevel}: use parameters whose bootstraps take more levels from slots to coefficients`,
      );
  }
}
