import {
  type BootstrapPlan,
  type Bootstrapper,
  type Ciphertext,
  type Context,
  checkOperand,
  Encoder,
  type EvaluationKeys,
  Evaluator,
  sameScale,
} from '@cipherformer/ckks';
import { InputError, ProgramError } from '../errors.ts';
import type { PlannedProgram } from '../keys/planned-program.ts';
import { checkProgram } from '../program/check.ts';
import type { EncryptedProgram, Instruction, InstructionOf, Register } from '../program/instructions.ts';
import { lastUses, resultsOf } from '../program/levels.ts';
import { CanonicalScales } from '../program/scales.ts';
import { bringDown } from './bring.ts';
import { LinearMaps } from './ckks-linear.ts';
import { evaluateSteps, takesAnyScale } from './ckks-polynomial.ts';
import { productSum } from './ckks-product.ts';
import { ImaginaryUnit } from './imaginary.ts';

// This module runs where only evaluation keys are: nothing here may import what makes, reads or uses a secret key.

/** What a server holds of a key set: evaluation keys, and a bootstrapper where the program bootstraps. */
export interface CkksMachine {
  readonly context: Context;
  readonly plan: BootstrapPlan;
  readonly keys: EvaluationKeys;
  readonly bootstrapper?: Bootstrapper;
}

/** How long one instruction took. */
export interface InstructionTiming {
  readonly index: number;
  readonly wallSeconds: number;
  /** Of all threads. */
  readonly cpuSeconds: number;
}

export interface CkksOptions {
  /** What an earlier run has kept; it stays the caller's. */
  readonly kept?: readonly Ciphertext[];
  /** After every instruction. */
  readonly onInstruction?: (timing: InstructionTiming) => void;
  /** After every instruction with its results, which are disposed of later: for tests that decrypt each step. */
  readonly observe?: (index: number, instruction: Instruction, results: readonly Ciphertext[]) => void;
  /** Asked before every instruction: throws what it is aborted with. */
  readonly signal?: AbortSignal;
  /** Bytes for encoded diagonals at a time. Default: applyStreamed's. */
  readonly diagonalBytes?: number;
}

export interface CkksResult extends Disposable {
  /** The ciphertext of each output, in the program's order. */
  readonly outputs: readonly Ciphertext[];
  /** What the program keeps, for `CkksOptions.kept` of another run; the caller's, who disposes of it. */
  readonly kept: readonly Ciphertext[];
  readonly timings: readonly InstructionTiming[];
}

/**
 * Runs a program on ciphertexts. Registers are released after their last use; the inputs are not. Between instructions the
 * event loop turns, so that a signal can arrive.
 * @param inputs a ciphertext for each input of the program, at its level, with the canonical scale there
 * @throws ProgramError for a program that breaks its rules, InputError for ciphertexts that do not fit it, KeyError for a
 * missing key
 */
export async function runCkks(
  machine: CkksMachine,
  planned: PlannedProgram,
  inputs: readonly Ciphertext[],
  options: CkksOptions = {},
): Promise<CkksResult> {
  const { plan } = machine;
  const { program } = planned;
  checkProgram(program, { bootstrapInputLevel: plan.inputLevel, bootstrapOutputLevel: plan.outputLevel });
  using run = new CkksRun(machine, planned, options);
  run.bind(inputs, options.kept ?? []);
  const timings: InstructionTiming[] = [];
  const unused = lastUses(program);
  for (const [index, instruction] of program.instructions.entries()) {
    await new Promise(setImmediate);
    options.signal?.throwIfAborted();
    const cpu = process.cpuUsage();
    const started = performance.now();
    const results = run.execute(instruction);
    const { user, system } = process.cpuUsage(cpu);
    const timing = { index, wallSeconds: (performance.now() - started) / 1000, cpuSeconds: (user + system) / 1e6 };
    timings.push(timing);
    options.observe?.(index, instruction, results);
    for (const register of unused[index]!) run.release(register);
    options.onInstruction?.(timing);
  }
  const kept = run.takeKept();
  const outputs = run.takeOutputs();
  return {
    outputs,
    kept,
    timings,
    [Symbol.dispose]() {
      for (const output of outputs) output[Symbol.dispose]();
    },
  };
}

/** The registers of one run and the operations on them. */
class CkksRun implements Disposable {
  readonly #machine: CkksMachine;
  readonly #program: EncryptedProgram;
  readonly #evaluator: Evaluator;
  readonly #encoder: Encoder;
  readonly #scales: CanonicalScales;
  readonly #unit: ImaginaryUnit;
  readonly #linearMaps: LinearMaps;
  /** Special primes of the program's rotation keys. */
  readonly #special: number;
  readonly #registers = new Map<Register, Ciphertext>();
  /** Registers that the caller owns. */
  readonly #borrowed = new Set<Ciphertext>();

  constructor(machine: CkksMachine, { program, keyPlan }: PlannedProgram, { diagonalBytes }: CkksOptions) {
    this.#machine = machine;
    this.#program = program;
    this.#evaluator = new Evaluator(machine.context, machine.keys);
    this.#encoder = new Encoder(machine.context);
    this.#scales = new CanonicalScales(machine.context.parameters, machine.plan.outputLevel);
    this.#special = keyPlan.special;
    this.#unit = new ImaginaryUnit(this.#evaluator, machine.plan.outputLevel);
    this.#linearMaps = new LinearMaps(this.#evaluator, this.#scales, this.#unit, {
      special: this.#special,
      diagonalBytes,
    });
  }

  bind(inputs: readonly Ciphertext[], kept: readonly Ciphertext[]): void {
    const { inputs: wanted, slots, kept: keeping } = this.#program;
    const before = keeping?.inputs ?? [];
    if (kept.length !== before.length)
      throw new InputError(`the program goes on with ${before.length} kept ciphertexts, not ${kept.length}`);
    for (const [i, register] of before.entries()) {
      checkOperand(this.#machine.context, kept[i]!, 'what was kept');
      const { level, scale } = kept[i]!;
      if (level !== keeping!.level || !sameScale(scale, this.#scales.at(level)))
        throw new InputError(
          `what was kept is at level ${level}, the program goes on at ${keeping!.level}: give what its own runs kept`,
        );
      this.#borrowed.add(kept[i]!);
      this.#registers.set(register, kept[i]!);
    }
    if (inputs.length !== wanted.length)
      throw new InputError(`the program takes ${wanted.length} ciphertexts, not ${inputs.length}`);
    for (const [i, { name, register, level }] of wanted.entries()) {
      const input = inputs[i]!;
      checkOperand(this.#machine.context, input, `input ${name}`);
      const fits = input.level === level && input.slots === slots && input.size === 2;
      if (!fits || !sameScale(input.scale, this.#scales.at(level)))
        throw new InputError(
          `input ${name} has ${input.slots} slots at level ${input.level} and scale ${input.scale}, the program takes ${slots} at level ${level} and scale ${this.#scales.at(level)}: encrypt it with this program's manifest`,
        );
      this.#borrowed.add(input);
      this.#registers.set(register, input);
    }
  }

  /** The results, which stay the run's. */
  execute(instruction: Instruction): Ciphertext[] {
    const results = this.#results(instruction);
    for (const [i, register] of resultsOf(instruction).entries()) this.#registers.set(register, results[i]!);
    return results;
  }

  release(register: Register): void {
    const ciphertext = this.#registers.get(register);
    this.#registers.delete(register);
    if (ciphertext && !this.#borrowed.has(ciphertext)) ciphertext[Symbol.dispose]();
  }

  /** What the program keeps, as copies at its level. */
  takeKept(): Ciphertext[] {
    const { kept } = this.#program;
    return (kept?.outputs ?? []).map((register) => this.#at(register, kept!.level));
  }

  /** The outputs, which are the caller's from now on. */
  takeOutputs(): Ciphertext[] {
    return this.#program.outputs.map(({ register }) => {
      const ciphertext = this.#read(register);
      if (this.#borrowed.has(ciphertext)) return ciphertext.copy();
      this.#borrowed.add(ciphertext);
      return ciphertext;
    });
  }

  [Symbol.dispose](): void {
    for (const register of [...this.#registers.keys()]) this.release(register);
    this.#unit[Symbol.dispose]();
  }

  #read(register: Register): Ciphertext {
    return this.#registers.get(register)!;
  }

  #results(instruction: Instruction): Ciphertext[] {
    const { level } = instruction;
    switch (instruction.op) {
      case 'linear':
        return this.#linearMaps.apply(instruction, instruction.inputs.map((register) => this.#read(register))); // biome-ignore format: one call
      case 'bootstrap':
        return this.#bootstrap(instruction);
      case 'multiply':
        return [this.#multiply(instruction)];
      case 'productSum': {
        const operands = { left: this.#read(instruction.left), right: this.#read(instruction.right) };
        const options = { masks: this.#program.masks, special: this.#special, unit: this.#unit };
        return [productSum(this.#evaluator, instruction, operands, this.#scales, options)];
      }
      case 'add': {
        using left = this.#at(instruction.left, level);
        using right = this.#at(instruction.right, level);
        return [this.#evaluator.add(left, right)];
      }
      case 'addVector': {
        using input = this.#at(instruction.input, level);
        const { vector } = instruction;
        const { period: slots = input.slots } = vector;
        const values = vector.values().subarray(0, slots);
        using plaintext = this.#encoder.encode(values, undefined, { level, scale: input.scale, slots });
        return [this.#evaluator.add(input, plaintext)];
      }
      case 'rotateSum':
        return [this.#rotateSum(this.#at(instruction.input, level), instruction.steps)];
      case 'polynomial': {
        const { input, steps } = instruction;
        const own = this.#read(input);
        using t = takesAnyScale(steps) ? bringDown(this.#evaluator, own, level, own.scale) : this.#at(input, level);
        return [evaluateSteps(this.#evaluator, t, steps, this.#scales)];
      }
    }
  }

  /** A copy of the register at the level, with the canonical scale there. */
  #at(register: Register, level: number): Ciphertext {
    return bringDown(this.#evaluator, this.#read(register), level, this.#scales.at(level));
  }

  #multiply({ left, right, level }: InstructionOf<'multiply'>): Ciphertext {
    const target = this.#scales.at(level - 1) * this.#machine.context.parameters.primeAt(level);
    const [a, b] = [this.#read(left), this.#read(right)];
    const keep = sameScale(a.scale * b.scale, target);
    const moves = !keep && a.level > level;
    using x = bringDown(this.#evaluator, a, level, moves ? target / b.scale : a.scale);
    using y = bringDown(this.#evaluator, b, level, keep || moves ? b.scale : target / a.scale);
    const result = this.#evaluator.multiply(x, y);
    result.scale = this.#scales.at(level - 1);
    return result;
  }

  #rotateSum(start: Ciphertext, steps: readonly number[]): Ciphertext {
    const at = start;
    for (const step of steps) {
      using turned = this.#evaluator.rotate(at, step);
      this.#evaluator.addTo(at, turned);
    }
    return at;
  }

  #bootstrap({ inputs, source }: InstructionOf<'bootstrap'>): Ciphertext[] {
    const { bootstrapper, plan } = this.#machine;
    if (!bootstrapper) throw new ProgramError(`${source} bootstraps, but the keys hold no bootstrap keys`);
    const operands = inputs.map((register) => this.#read(register));
    // A pair is added up, so its scales have to be equal; alone, any scale will do.
    const same = operands.every(({ scale }) => sameScale(scale, operands[0]!.scale));
    const brought = operands.map((operand) =>
      bringDown(this.#evaluator, operand, plan.inputLevel, same ? operand.scale : this.#scales.at(plan.inputLevel)),
    );
    try {
      return bootstrapper.many(brought);
    } finally {
      for (const operand of brought) operand[Symbol.dispose]();
    }
  }
}
