import { evaluateProgram } from '@cipherformer/approx';
import { modulo } from '@cipherformer/base';
import { ProgramError } from '../errors.ts';
import type {
  EncryptedProgram,
  Instruction,
  LinearInstruction,
  ProductSumInstruction,
  Register,
  RotatedCopy,
} from '../program/instructions.ts';
import { lastUses, resultsOf } from '../program/levels.ts';
import { slotsRead } from '../program/slots-read.ts';
import { unpackOutput } from '../program/values.ts';

/** A bootstrap's operand beyond what a bootstrap can carry. */
export interface OutOfRangeOperand {
  readonly source: string;
  readonly register: Register;
  /** Largest absolute value of the slots that an output depends on. */
  readonly largest: number;
}

export interface ClearResult {
  /** The numbers of each output. */
  readonly outputs: readonly Float64Array[];
  /** Operands of bootstraps with slots outside [-1, 1] that an output depends on: under encryption it is wrong. */
  readonly outOfRangeOperands: readonly OutOfRangeOperand[];
  /** The slots of what the program keeps (`KeptCiphertexts.outputs`). */
  readonly kept: readonly Float64Array[];
}

export interface ClearOptions {
  /** The slots of what an earlier run has kept. */
  readonly kept?: readonly Float64Array[];
  /** Slots up to 1 + this count as within [-1, 1] at a bootstrap. Default 1e-6. */
  readonly tolerance?: number;
  /** Called after every instruction with its results, for whoever compares back ends step by step. */
  readonly observe?: (index: number, instruction: Instruction, results: readonly Float64Array[]) => void;
}

/**
 * Runs a program on float64 slots: the exact meaning of every instruction, which the other back ends have to meet. Run
 * `checkProgram` first: levels have no meaning here.
 * @param inputs the slots of each input, in the program's order (`packInputs`)
 * @throws ProgramError for slots that do not fit
 */
export function runClear(
  program: EncryptedProgram,
  inputs: readonly Float64Array[],
  options: ClearOptions = {},
): ClearResult {
  const masks = program.masks.map((mask) => mask.values());
  return interpret(program, inputs, (instruction, read) => executeClear(instruction, read, masks), options);
}

/** Runs a program with `execute` for the meaning of its instructions. */
export function interpret(
  program: EncryptedProgram,
  inputs: readonly Float64Array[],
  execute: (instruction: Instruction, read: (register: Register) => Float64Array) => Float64Array[],
  { tolerance = 1e-6, observe, kept = [] }: ClearOptions = {},
): ClearResult {
  const { slots, instructions } = program;
  const registers = new Map<Register, Float64Array>();
  for (const [i, { register, name }] of program.inputs.entries()) {
    if (inputs[i]?.length !== slots)
      throw new ProgramError(`input ${name} needs ${slots} slots, not ${inputs[i]?.length ?? 'none'}`);
    registers.set(register, inputs[i]);
  }
  const before = program.kept?.inputs ?? [];
  if (kept.length !== before.length)
    throw new ProgramError(`the program goes on with ${before.length} kept ciphertexts, not ${kept.length}`);
  for (const [i, register] of before.entries()) registers.set(register, kept[i]!);
  const beyond: Beyond[] = [];
  const unused = lastUses(program);
  const read = (register: Register) => registers.get(register)!;
  for (const [index, instruction] of instructions.entries()) {
    if (instruction.op === 'bootstrap')
      for (const [operand, register] of instruction.inputs.entries()) {
        const values = read(register);
        // Written so that a NaN counts.
        if (values.some((value) => !(Math.abs(value) <= 1 + tolerance)))
          beyond.push({ index, operand, source: instruction.source, register, values });
      }
    const results = execute(instruction, read);
    for (const [i, register] of resultsOf(instruction).entries()) registers.set(register, results[i]!);
    observe?.(index, instruction, results);
    for (const register of unused[index]!) registers.delete(register);
  }
  const outputs = program.outputs.map((output) => unpackOutput(output, registers.get(output.register)!));
  return {
    outputs,
    outOfRangeOperands: findOutOfRange(program, beyond, tolerance),
    kept: (program.kept?.outputs ?? []).map((register) => registers.get(register)!),
  };
}

/** A bootstrap's operand with slots outside [-1, 1], whoever reads them. */
interface Beyond extends Omit<OutOfRangeOperand, 'largest'> {
  /** Number of the instruction, and which of its operands. */
  readonly index: number;
  readonly operand: number;
  readonly values: Float64Array;
}

function findOutOfRange(program: EncryptedProgram, beyond: readonly Beyond[], tolerance: number): OutOfRangeOperand[] {
  if (beyond.length === 0) return [];
  const read = slotsRead(program);
  return beyond.flatMap(({ index, operand, source, register, values }) => {
    const matters = read.get(index)![operand]!;
    const largest = values.reduce((most, value, s) => (matters[s] === 1 ? Math.max(most, Math.abs(value)) : most), 0);
    return largest <= 1 + tolerance ? [] : [{ source, register, largest }];
  });
}

/** The results of one instruction, new arrays. */
export function executeClear(
  instruction: Instruction,
  read: (register: Register) => Float64Array,
  masks: readonly Float64Array[],
): Float64Array[] {
  switch (instruction.op) {
    case 'linear':
      return linear(instruction, instruction.inputs.map(read));
    case 'productSum':
      return [productSum(instruction, read(instruction.left), read(instruction.right), masks)];
    case 'add': {
      const right = read(instruction.right);
      return [read(instruction.left).map((value, s) => value + right[s]!)];
    }
    case 'addVector': {
      const vector = instruction.vector.values();
      return [read(instruction.input).map((value, s) => value + vector[s]!)];
    }
    case 'multiply': {
      const right = read(instruction.right);
      return [read(instruction.left).map((value, s) => value * right[s]!)];
    }
    case 'rotateSum':
      return [
        instruction.steps.reduce((at, step) => {
          const turned = rotated(at, step);
          return at.map((value, s) => value + turned[s]!);
        }, read(instruction.input).slice()),
      ];
    case 'polynomial': {
      const { steps } = instruction;
      return [read(instruction.input).map((t) => evaluateProgram({ interval: [-1, 1], steps }, t))];
    }
    case 'bootstrap':
      return instruction.inputs.map((register) => read(register).slice());
  }
}

function linear({ outputs, matrix }: LinearInstruction, inputs: readonly Float64Array[]): Float64Array[] {
  const slots = inputs[0]!.length;
  return outputs.map((_, output) => {
    const sum = new Float64Array(slots);
    for (const [input, values] of inputs.entries())
      for (const rotation of matrix.rotations(output, input))
        addProduct(sum, matrix.diagonal(output, input, rotation), values, rotation);
    return sum;
  });
}

/** sum += diagonal * rotate(values, rotation). A function of its own, which engines compile better than a loop in a closure. */
function addProduct(sum: Float64Array, diagonal: Float64Array, values: Float64Array, rotation: number): void {
  const split = sum.length - rotation;
  for (let s = 0; s < split; s++) sum[s]! += diagonal[s]! * values[s + rotation]!;
  for (let s = split; s < sum.length; s++) sum[s]! += diagonal[s]! * values[s - split]!;
}

function productSum(
  { terms }: ProductSumInstruction,
  left: Float64Array,
  right: Float64Array,
  masks: readonly Float64Array[],
): Float64Array {
  const sum = new Float64Array(left.length);
  for (const term of terms) {
    const a = side(term.left, left, masks);
    const b = side(term.right, right, masks);
    for (let s = 0; s < sum.length; s++) sum[s]! += a[s]! * b[s]!;
  }
  return sum;
}

function side(copies: readonly RotatedCopy[], values: Float64Array, masks: readonly Float64Array[]): Float64Array {
  const sum = new Float64Array(values.length);
  for (const { rotation, mask } of copies) {
    const turned = rotated(values, rotation);
    const factors = mask === undefined ? undefined : masks[mask]!;
    for (let s = 0; s < sum.length; s++) sum[s]! += turned[s]! * (factors ? factors[s]! : 1);
  }
  return sum;
}

/** Slot s of the result is slot s + steps. */
export function rotated(values: Float64Array, steps: number): Float64Array {
  const start = modulo(steps, values.length);
  const result = new Float64Array(values.length);
  result.set(values.subarray(start), 0);
  result.set(values.subarray(0, start), values.length - start);
  return result;
}
