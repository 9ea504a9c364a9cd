import { modulo } from '@cipherformer/base';
import type { EncryptedProgram, Instruction, ProductSumInstruction, Register } from './instructions.ts';
import { resultsOf } from './levels.ts';

/** 1 for each slot that an output depends on. */
export type SlotsRead = Uint8Array;

/**
 * Which slots of each bootstrap's operands matter: those that a path of nonzero factors leads from to a number of an output,
 * or to a copy of one that the client compares it with. The others hold what padding tokens and empty rows make.
 * @returns by the number of the instruction, one for each operand
 * Cost: as a run on clear slots, all diagonals included.
 */
export function slotsRead(program: EncryptedProgram): ReadonlyMap<number, readonly SlotsRead[]> {
  const { slots, instructions } = program;
  const masks = program.masks.map((mask) => mask.values());
  const read = new Map<Register, SlotsRead>();
  const of = (register: Register): SlotsRead => {
    const known = read.get(register) ?? new Uint8Array(slots);
    read.set(register, known);
    return known;
  };
  for (const output of program.outputs)
    for (const slot of output.slots)
      for (let copy = slot; copy < slots; copy += output.period ?? slots) of(output.register)[copy] = 1;
  for (const register of program.kept?.outputs ?? []) of(register).fill(1);
  const bootstraps = new Map<number, readonly SlotsRead[]>();
  for (let index = instructions.length - 1; index >= 0; index--) {
    const instruction = instructions[index]!;
    const results = resultsOf(instruction).map(of);
    spread(instruction, results, of, masks);
    // A register is made once: nothing before its instruction reads it.
    for (const register of resultsOf(instruction)) read.delete(register);
    if (instruction.op === 'bootstrap') bootstraps.set(index, results);
  }
  return bootstraps;
}

/** Marks what an instruction reads of its operands for these slots of its results. */
function spread(
  instruction: Instruction,
  results: readonly SlotsRead[],
  of: (register: Register) => SlotsRead,
  masks: readonly Float64Array[],
): void {
  const [first] = results as [SlotsRead];
  switch (instruction.op) {
    case 'linear': {
      const { inputs, matrix } = instruction;
      for (const [output, result] of results.entries())
        for (const [input, register] of inputs.entries())
          for (const rotation of matrix.rotations(output, input))
            mark(of(register), rotation, result, matrix.diagonal(output, input, rotation));
      break;
    }
    case 'productSum':
      spreadProducts(instruction, first, of, masks);
      break;
    case 'add':
    case 'multiply':
      mark(of(instruction.left), 0, first);
      mark(of(instruction.right), 0, first);
      break;
    case 'addVector':
    case 'polynomial':
      mark(of(instruction.input), 0, first);
      break;
    case 'rotateSum': {
      const sum = first.slice();
      for (const step of instruction.steps.toReversed()) mark(sum, step, sum.slice());
      mark(of(instruction.input), 0, sum);
      break;
    }
    case 'bootstrap':
      for (const [i, register] of instruction.inputs.entries()) mark(of(register), 0, results[i]!);
  }
}

function spreadProducts(
  { terms, left, right }: ProductSumInstruction,
  result: SlotsRead,
  of: (register: Register) => SlotsRead,
  masks: readonly Float64Array[],
): void {
  const sides = [
    ['left', left, 'right'],
    ['right', right, 'left'],
  ] as const;
  for (const term of terms)
    for (const [side, register, other] of sides) {
      const factors = term[other].map(({ mask }) => mask);
      // Where the other side is zero for every value, this one does not count.
      const counted = result.map((needed, s) =>
        needed && factors.some((mask) => mask === undefined || masks[mask]![s] !== 0) ? 1 : 0,
      );
      for (const { rotation, mask } of term[side])
        mark(of(register), rotation, counted, mask === undefined ? undefined : masks[mask]);
    }
}

/** Slot s of a result reads slot s + rotation of an operand, where the factor is not zero. */
function mark(operand: SlotsRead, rotation: number, result: SlotsRead, factors?: ArrayLike<number>): void {
  const { length } = operand;
  const start = modulo(rotation, length);
  for (let s = 0; s < length; s++)
    if (result[s] === 1 && (factors === undefined || factors[s] !== 0)) {
      const from = s + start;
      operand[from < length ? from : from - length] = 1;
    }
}
