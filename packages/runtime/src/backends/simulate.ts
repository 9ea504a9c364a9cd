import { evaluateProgram, evaluationPlan, type Step } from '@cipherformer/approx';
import {
  type BootstrapPlan,
  type BootstrapPrecision,
  bootstrapPrecision,
  type Gadget,
  NoiseModel,
  type Parameters,
  polynomialNoise,
  StreamedTransformPlan,
} from '@cipherformer/ckks';
import type { PlannedProgram } from '../keys/planned-program.ts';
import { checkProgram } from '../program/check.ts';
import type { EncryptedProgram, Instruction, InstructionOf, Register } from '../program/instructions.ts';
import { operandsOf, resultLevel } from '../program/levels.ts';
import { PackedTransform } from '../program/packed-transform.ts';
import { CanonicalScales } from '../program/scales.ts';
import { type ClearOptions, type ClearResult, executeClear, interpret, rotated } from './clear.ts';
import { Gaussian } from './gaussian.ts';
import { simulateProduct } from './simulate-product.ts';

export interface SimulateOptions extends ClearOptions {
  /** Of the noise. Default 1. */
  readonly seed?: number;
}

/**
 * Runs a program on float64 slots with the noise that CKKS adds to them: the clear meaning of every instruction, with the
 * sine of bootstraps, then normal noise of the deviation that the engine's formulas give for it (average case;
 * `NoiseModel`, `polynomialNoise`, `bootstrapPrecision`). Noise that is there already goes through later instructions as
 * the values do. Needs no key; costs about twice a clear run, and
 * once a plan a second for the bootstrap's formula.
 */
export function runSimulated(
  planned: PlannedProgram,
  inputs: readonly Float64Array[],
  options: SimulateOptions = {},
): ClearResult {
  const { program } = planned;
  const simulation = new Simulation(planned, options.seed ?? 1);
  const fresh = inputs.map((values, i) => simulation.encrypted(values, program.inputs[i]!.level));
  return interpret(program, fresh, (instruction, read) => simulation.execute(instruction, read), options);
}

/** Slots whose values stand for all in the formula of a polynomial's noise. */
const sampleCount = 24;

/** By plan: the formula takes a second. */
const precisions = new WeakMap<BootstrapPlan, BootstrapPrecision>();

function precisionOf(plan: BootstrapPlan): BootstrapPrecision {
  const known = precisions.get(plan) ?? bootstrapPrecision(plan);
  precisions.set(plan, known);
  return known;
}

class Simulation {
  readonly #program: EncryptedProgram;
  readonly #plan: BootstrapPlan;
  readonly #parameters: Parameters;
  readonly #model: NoiseModel;
  readonly #scales: CanonicalScales;
  readonly #levels: ReadonlyMap<Register, number>;
  readonly #special: number;
  readonly #masks: readonly Float64Array[];
  readonly #gaussian: Gaussian;

  constructor({ program, bootstrapPlan: plan, keyPlan }: PlannedProgram, seed: number) {
    this.#program = program;
    this.#plan = plan;
    this.#parameters = plan.parameters;
    this.#model = new NoiseModel(plan.parameters);
    this.#scales = new CanonicalScales(plan.parameters, plan.outputLevel);
    this.#levels = checkProgram(program, this.#machine);
    this.#special = keyPlan.special;
    this.#masks = program.masks.map((mask) => mask.values());
    this.#gaussian = new Gaussian(seed);
  }

  get #machine() {
    return { bootstrapInputLevel: this.#plan.inputLevel, bootstrapOutputLevel: this.#plan.outputLevel };
  }

  encrypted(values: Float64Array, level: number): Float64Array {
    return this.#noisy(values.slice(), this.#model.symmetric + this.#model.encoding, level);
  }

  execute(instruction: Instruction, read: (register: Register) => Float64Array): Float64Array[] {
    const { level } = instruction;
    const result = resultLevel(instruction, this.#machine);
    const exact = () => executeClear(instruction, read, this.#masks);
    switch (instruction.op) {
      case 'linear': {
        const deviations = this.#linearDeviations(instruction, instruction.inputs.map(read));
        return exact().map((values, o) => this.#gaussian.addTo(values, deviations[o]!));
      }
      case 'productSum':
        return [
          simulateProduct(instruction, read, {
            model: this.#model,
            masks: this.#masks,
            levels: this.#levels,
            keySwitch: (at) => this.#model.keySwitch(0, at, this.#gadget(at)),
            noisy: (values, variance, at) => this.#noisy(values, variance, at),
          }),
        ];
      case 'add':
        return exact().map((values) => this.#noisy(values, this.#broughtDown(instruction), result));
      case 'addVector':
        return exact().map((values) =>
          this.#noisy(values, this.#broughtDown(instruction) + this.#model.encoding, result),
        );
      case 'multiply':
        return exact().map((values) => this.#noisy(values, this.#model.relineariseRescale(0, level), result));
      case 'rotateSum':
        return [this.#rotateSum(read(instruction.input), instruction.steps, level)];
      case 'polynomial':
        return [this.#polynomial(read(instruction.input), instruction.steps, level)];
      case 'bootstrap':
        return exact().map((values) => this.#refreshed(values));
    }
  }

  /** What EvalMod makes of the slots, which bends them from 1 on and wraps them around beyond 512, and noise. */
  #refreshed(values: Float64Array): Float64Array {
    const { evalMod } = this.#plan;
    const { deviation, parts } = precisionOf(this.#plan);
    const period = this.#parameters.primeAt(0) / this.#parameters.scale;
    const bent = values.map((value) => {
      const share = value / period;
      return period * evalMod.clear(share - Math.round(share));
    });
    return this.#gaussian.addTo(bent, Math.sqrt(deviation ** 2 - parts.approximation ** 2));
  }

  /** values + noise of this variance of a coefficient, at the canonical scale of the level. */
  #noisy(values: Float64Array, variance: number, level: number): Float64Array {
    return this.#gaussian.addTo(values, this.#model.slotDeviation(variance, this.#scales.at(level)));
  }

  /** What rescaling adds where operands come from above. */
  #broughtDown(instruction: Instruction): number {
    const above = operandsOf(instruction).filter((register) => this.#levels.get(register)! > instruction.level);
    return above.length * this.#model.rounding();
  }

  #gadget(level: number): Gadget {
    return this.#parameters.gadgetWith(level, this.#special) ?? this.#parameters.gadget(level);
  }

  /**
   * Of the slots of each output, as linearTransformNoise: roundings of the diagonals, key errors times the diagonals, giant
   * steps, the end. What is divided by the special primes is rounded: baby rotations, or the second part before giant steps. Packed inputs bring the key error of their rotation; where parts are taken, sums have half the scale,
   * x + conj(x) doubles the error of the part in every slot, and the conjugation adds its own. Left out is the noise in
   * the imaginary parts of the inputs, which packed maps carry into real parts: it is no larger than that in their real
   * parts, and gone wherever parts are taken, so it makes half a bit at most and cannot pile up.
   */
  #linearDeviations(instruction: InstructionOf<'linear'>, values: readonly Float64Array[]): number[] {
    const { babySteps, giantSteps, level, dividesBabies } = instruction;
    const { slots } = this.#program;
    const model = this.#model;
    const transform = new PackedTransform(instruction, slots);
    const { inputs, outputs, period = slots } = transform;
    const shape = { outputs: outputs.length, babySteps, giantSteps, fewKeys: true };
    const { groups } = new StreamedTransformPlan(slots, inputs.length, transform, shape);
    const keyErrors = model.switchingErrors(level, this.#gadget(level));
    const babyErrors = keyErrors + (dividesBabies ? model.rounding() : 0);
    const giantErrors = keyErrors + (dividesBabies ? 0 : model.rounding());
    const prime = this.#parameters.primeAt(level);
    const scale = this.#scales.at(level);
    const target = this.#scales.at(level - 1);
    const factor = (output: number) => (prime * target) / scale / (transform.takesParts(output) ? 2 : 1);
    const packed = inputs.map(({ real, imaginary }) => ({
      variance: imaginary && imaginary.turn !== 0 ? model.keySwitch(0, level, this.#gadget(level)) : 0,
      power: (meanSquare(values[real]!) + (imaginary ? meanSquare(values[imaginary.input]!) : 0)) * scale ** 2,
    }));
    const variances = outputs.map(() => 0);
    for (const { output, giant, terms } of groups) {
      for (const { input, rotation, baby, far } of terms) {
        const parts = [transform.diagonal(output, input, rotation), transform.imaginary(output, input, rotation)];
        const square =
          factor(output) ** 2 * parts.reduce((sum, part) => sum + (part ? meanSquare(part.subarray(0, period)) : 0), 0);
        const { variance, power } = packed[input]!;
        // Beyond the middle step inputs are rotated twice, and of an undivided first one the second part is rounded.
        const rotations = (far ? 1 : 0) + (baby === 0 ? 0 : 1);
        const between = rotations === 2 && !dividesBabies ? model.rounding() : 0;
        const noise = { variance: variance + rotations * babyErrors + between, power };
        variances[output]! += model.plainProduct(noise, square, slots / period);
      }
      if (giant !== 0) variances[output]! += giantErrors;
    }
    const conjugation = model.keySwitch(0, level - 1, this.#gadget(level - 1));
    const deviations = new Array<number>(instruction.outputs.length);
    for (const [k, { real, imaginary }] of outputs.entries()) {
      const variance = model.divided(variances[k]!, prime);
      const taken = transform.takesParts(k) ? 4 * variance + conjugation : variance;
      for (const output of [real, imaginary]) if (output !== undefined) deviations[output] = model.slotDeviation(taken, target); // biome-ignore format: short
    }
    return deviations;
  }

  #rotateSum(start: Float64Array, steps: readonly number[], level: number): Float64Array {
    const variance = this.#model.keySwitch(0, level, this.#gadget(level));
    return steps.reduce((at, step) => {
      const turned = this.#noisy(rotated(at, step), variance, level);
      return at.map((value, s) => value + turned[s]!);
    }, start.slice());
  }

  #polynomial(t: Float64Array, steps: readonly Step[], level: number): Float64Array {
    const values = [{ slots: t, level }];
    for (const step of steps) values.push(this.#step(step, values));
    return values.at(-1)!.slots;
  }

  #step(step: Step, values: readonly { slots: Float64Array; level: number }[]): { slots: Float64Array; level: number } {
    if (step.op === 'affine') {
      const level = Math.min(...step.terms.map(({ value, factor }) => values[value]!.level - (Number.isInteger(factor) ? 0 : 1))); // biome-ignore format: short
      const sum = values[0]!.slots.map((_, s) =>
        step.terms.reduce((total, { value, factor }) => total + factor * values[value]!.slots[s]!, step.offset),
      );
      const rescaled = step.terms.some(({ value }) => values[value]!.level > level);
      return { slots: this.#noisy(sum, rescaled ? this.#model.rounding() : 0, level), level };
    }
    if (step.op === 'polynomial') {
      const { slots, level } = values[step.value]!;
      const plan = evaluationPlan(step.coefficients);
      const result = level - plan.cost.levels;
      const [scale, target] = [this.#scales.at(level), this.#scales.at(result)];
      const stride = Math.max(1, Math.floor(slots.length / sampleCount));
      const samples = Array.from({ length: sampleCount }, (_, i) => slots[(i * stride) % slots.length]!);
      const variance = polynomialNoise(this.#model, plan, { variance: 0, level, scale }, samples, target);
      const program = { interval: [-1, 1] as const, steps: [{ ...step, value: 0 }] };
      return { slots: this.#noisy(slots.map((x) => evaluateProgram(program, x)), variance, result), level: result }; // biome-ignore format: short
    }
    const [a, b] = step.op === 'product' ? [values[step.left]!, values[step.right]!] : [values[step.value]!, values[step.value]!]; // biome-ignore format: short
    const level = Math.min(a.level, b.level);
    const product = a.slots.map((value, s) => value * b.slots[s]!);
    return { slots: this.#noisy(product, this.#model.relineariseRescale(0, level), level - 1), level: level - 1 };
  }
}

function meanSquare(values: Float64Array): number {
  let sum = 0;
  // A loop: `reduce` takes ten times as long, and every diagonal comes here.
  for (let s = 0; s < values.length; s++) sum += values[s]! ** 2;
  return sum / values.length;
}
