import { programCost } from '@cipherformer/approx';
import type { EncryptedProgram, Instruction, ProductSumInstruction, Register } from './instructions.ts';

/** Where a machine's bootstraps begin and end. */
export interface BootstrapLevels {
  /** A bootstrap brings its operands to this level. */
  readonly bootstrapInputLevel: number;
  /** The level of what it makes. */
  readonly bootstrapOutputLevel: number;
}

/** The registers an instruction reads, once each. */
export function operandsOf(instruction: Instruction): Register[] {
  switch (instruction.op) {
    case 'linear':
    case 'bootstrap':
      return [...new Set(instruction.inputs)];
    case 'productSum':
    case 'add':
    case 'multiply':
      return [...new Set([instruction.left, instruction.right])];
    case 'addVector':
    case 'rotateSum':
    case 'polynomial':
      return [instruction.input];
  }
}

/** The registers an instruction makes. */
export function resultsOf(instruction: Instruction): readonly Register[] {
  return instruction.op === 'linear' || instruction.op === 'bootstrap' ? instruction.outputs : [instruction.output];
}

/** Whether a side of a product sum multiplies by masks, which takes a level before the product. */
export function hasMasks({ terms }: ProductSumInstruction): boolean {
  return terms.some(({ left, right }) => [...left, ...right].some(({ mask }) => mask !== undefined));
}

/** Whether operands of these levels let a product sum be packed as it says: see `ProductPacking`. */
export function isPackable(
  { packing, left, right, level }: ProductSumInstruction & { readonly level: number },
  levels: ReadonlyMap<Register, number>,
): boolean {
  if (packing?.left === undefined || packing.right === undefined) return true;
  return [left, right].some((register) => levels.get(register)! > level);
}

/**
 * The least level of an operand: the instruction's, or one below it for the unmasked side of a product sum whose other
 * side has masks, which is needed only when the masks have taken their level.
 */
export function operandLevel(instruction: Instruction, register: Register): number {
  if (instruction.op !== 'productSum' || !hasMasks(instruction)) return instruction.level;
  const masked = (side: 'left' | 'right') =>
    instruction.terms.some((term) => term[side].some(({ mask }) => mask !== undefined));
  const sides = (['left', 'right'] as const).filter((side) => instruction[side] === register);
  return sides.some(masked) ? instruction.level : instruction.level - 1;
}

/** The level of an instruction's results: `level` less what it consumes; a bootstrap's is the machine's. */
export function resultLevel(instruction: Instruction, { bootstrapOutputLevel }: BootstrapLevels): number {
  const { level } = instruction;
  switch (instruction.op) {
    case 'linear':
    case 'multiply':
      return level - 1;
    case 'productSum':
      return level - (hasMasks(instruction) ? 2 : 1);
    case 'add':
    case 'addVector':
    case 'rotateSum':
      return level;
    case 'polynomial':
      return level - programCost({ interval: [-1, 1], steps: instruction.steps }).levels;
    case 'bootstrap':
      return bootstrapOutputLevel;
  }
}

/** The level of every register of a program that keeps its rules (`checkProgram`). */
export function registerLevels(
  { inputs, instructions, kept }: Pick<EncryptedProgram, 'inputs' | 'instructions' | 'kept'>,
  machine: BootstrapLevels,
): Map<Register, number> {
  const levels = new Map(inputs.map(({ register, level }) => [register, level]));
  for (const register of kept?.inputs ?? []) levels.set(register, kept!.level);
  for (const instruction of instructions)
    for (const register of resultsOf(instruction)) levels.set(register, resultLevel(instruction, machine));
  return levels;
}

/** For each instruction, the registers nobody reads after it: neither a later instruction nor what the program gives or keeps. */
export function lastUses({
  instructions,
  outputs,
  kept,
}: Pick<EncryptedProgram, 'instructions' | 'outputs' | 'kept'>): Register[][] {
  const seen = new Set([...outputs.map(({ register }) => register), ...(kept?.outputs ?? [])]);
  const result: Register[][] = instructions.map(() => []);
  for (let i = instructions.length - 1; i >= 0; i--) {
    for (const register of [...operandsOf(instructions[i]!), ...resultsOf(instructions[i]!)]) {
      if (seen.has(register)) continue;
      seen.add(register);
      result[i]!.push(register);
    }
  }
  return result;
}
