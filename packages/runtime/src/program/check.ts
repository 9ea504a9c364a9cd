import { modulo } from '@cipherformer/base';
import { ProgramError } from '../errors.ts';
import type { EncryptedProgram, Instruction, LinearInstruction, Register } from './instructions.ts';
import { type BootstrapLevels, isPackable, operandLevel, operandsOf, resultLevel, resultsOf } from './levels.ts';
import { productTerms } from './packed-product.ts';
import { PackedTransform } from './packed-transform.ts';

/**
 * Checks what can be checked without values: every register assigned once and before its use, operands at or above the
 * level of their instruction, no level below 0, results counted, rotations reached by baby and giant steps.
 * Cost: linear in the program's diagonals.
 * @returns the level of every register
 * @throws ProgramError
 */
export function checkProgram(program: EncryptedProgram, machine: BootstrapLevels): ReadonlyMap<Register, number> {
  const levels = new Map<Register, number>();
  const assign = (register: Register, level: number, where: string) => {
    if (levels.has(register)) throw new ProgramError(`${where} assigns register ${register} again`);
    if (!Number.isInteger(level) || level < 0)
      throw new ProgramError(`${where} makes a value at level ${level}: bootstrap before it`);
    levels.set(register, level);
  };
  for (const input of program.inputs) {
    assign(input.register, input.level, `input ${input.name}`);
    if (input.source.length !== program.slots)
      throw new ProgramError(`input ${input.name} fills ${input.source.length} of ${program.slots} slots`);
  }
  for (const register of program.kept?.inputs ?? []) assign(register, program.kept!.level, 'what is kept');
  for (const [index, instruction] of program.instructions.entries()) {
    const where = `instruction ${index} (${instruction.op}, ${instruction.source})`;
    for (const register of operandsOf(instruction)) {
      const level = levels.get(register);
      if (level === undefined) throw new ProgramError(`${where} reads register ${register} before it is assigned`);
      const least = operandLevel(instruction, register);
      if (level < least)
        throw new ProgramError(`${where} needs its operand ${register} at level ${least}, not ${level}`);
    }
    if (instruction.op === 'productSum' && !isPackable(instruction, levels))
      throw new ProgramError(
        `${where} packs terms without masks of operands at its own level: one has to be above it, to be brought to half the scale`,
      );
    checkOperation(program, instruction, where, machine);
    const level = resultLevel(instruction, machine);
    for (const register of resultsOf(instruction)) assign(register, level, where);
  }
  for (const { register, slots } of program.outputs) {
    if (!levels.has(register)) throw new ProgramError(`the output register ${register} is never assigned`);
    const wrong = slots.find((slot) => slot < 0 || slot >= program.slots);
    if (wrong !== undefined) throw new ProgramError(`an output reads slot ${wrong} of ${program.slots}`);
  }
  for (const register of program.kept?.outputs ?? [])
    if (!((levels.get(register) ?? -1) >= program.kept!.level))
      throw new ProgramError(`register ${register} is kept at level ${program.kept!.level} and does not reach it`);
  return levels;
}

function checkOperation(
  { slots, masks }: EncryptedProgram,
  instruction: Instruction,
  where: string,
  machine: BootstrapLevels,
): void {
  if (instruction.op === 'linear') checkSteps(instruction, slots, where);
  if (instruction.op === 'bootstrap') {
    if (instruction.inputs.length !== instruction.outputs.length || instruction.inputs.length === 0)
      throw new ProgramError(
        `${where} refreshes ${instruction.inputs.length} values to ${instruction.outputs.length} results`,
      );
    if (instruction.level < machine.bootstrapInputLevel)
      throw new ProgramError(`${where} works at level ${instruction.level} of ${machine.bootstrapInputLevel} or above`);
  }
  if (instruction.op === 'productSum') {
    if (instruction.terms.length === 0) throw new ProgramError(`${where} sums no products`);
    for (const name of ['left', 'right'] as const) {
      const copies = instruction.terms.flatMap((term) => term[name]);
      if (copies.some(({ mask }) => mask !== undefined) && copies.some(({ mask }) => mask === undefined))
        throw new ProgramError(
          `${where} masks some copies of its ${name} side and not others: give them a mask of ones`,
        );
    }
    for (const side of instruction.terms.flatMap(({ left, right }) => [left, right])) {
      if (side.length === 0) throw new ProgramError(`${where} has a side without copies`);
      if (side.length > 1 && side.some(({ mask }) => mask === undefined))
        throw new ProgramError(`${where} adds copies without a mask: only one alone may have none`);
      const unknown = side.find(({ mask }) => mask !== undefined && !(mask in masks));
      if (unknown) throw new ProgramError(`${where} reads mask ${unknown.mask} of ${masks.length}`);
    }
    productTerms(instruction, slots);
  }
}

function checkSteps(instruction: LinearInstruction, slots: number, where: string) {
  const { babySteps, giantSteps } = instruction;
  const transform = new PackedTransform(instruction, slots);
  const reached = new Set(giantSteps.flatMap((giant) => babySteps.map((baby) => modulo(giant + baby, slots))));
  for (const output of transform.outputs.keys())
    for (const input of transform.inputs.keys())
      for (const rotation of transform.rotations(output, input))
        if (!reached.has(rotation))
          throw new ProgramError(`${where} rotates by ${rotation}, which no baby and giant step reach`);
}
