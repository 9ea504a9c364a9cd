import { evaluationPlan, type Step } from '@cipherformer/approx';
import { modulo } from '../program/check.ts';
import type { Instruction, LinearInstruction, ProductSumInstruction, RotatedCopy } from '../program/instructions.ts';
import { operandLevel } from '../program/levels.ts';
import type { MachineModel, Work, WorkKind } from './machine.ts';

/** Diagonals and masks that repeat this often are encoded by their distinct values. */
const fewestRepeats = 4;

/** What an instruction does, in the units of a machine model. `slots` as in the program. Cost: linear in its diagonals. */
export function workOf(instruction: Instruction, slots: number, maskPeriod: (mask: number) => number): Work[] {
  const { level } = instruction;
  const of = (kind: WorkKind, count: number, at = level): Work[] => (count > 0 ? [{ kind, level: at, count }] : []);
  switch (instruction.op) {
    case 'linear':
      return linearWork(instruction, slots);
    case 'productSum':
      return productSumWork(instruction, slots, maskPeriod);
    case 'add':
      return of('add', 1);
    case 'addVector':
      return of('addVector', 1);
    case 'multiply':
      return of('multiply', 1);
    case 'rotateSum':
      return [...of('rotation', instruction.steps.length), ...of('add', instruction.steps.length)];
    case 'polynomial':
      return polynomialWork(instruction.steps, level);
    case 'bootstrap': {
      const count = instruction.inputs.length;
      return [...of('bootstrapPair', Math.floor(count / 2)), ...of('bootstrap', count % 2)];
    }
  }
}

/** Predicted seconds of an instruction. */
export function secondsOf(work: readonly Work[], machine: MachineModel): number {
  return work.reduce((sum, part) => sum + machine.seconds(part), 0);
}

function linearWork(instruction: LinearInstruction & { level: number }, slots: number): Work[] {
  const { inputs, outputs, matrix, babySteps, giantSteps, level } = instruction;
  const turning = (steps: readonly number[]) => steps.filter((step) => step !== 0).length;
  let diagonals = 0;
  for (const o of outputs.keys()) for (const i of inputs.keys()) diagonals += matrix.rotations(o, i).length;
  const kind = isPeriodic(matrix.period, slots) ? 'periodicDiagonal' : 'diagonal';
  return [
    { kind: 'hoistedRotation', level, count: new Set(inputs).size * turning(babySteps) },
    { kind: 'rotation', level, count: outputs.length * turning(giantSteps) },
    { kind, level, count: diagonals },
    { kind: 'rescale', level, count: outputs.length },
  ];
}

function productSumWork(
  instruction: ProductSumInstruction & { level: number; source: string; op: 'productSum' },
  slots: number,
  maskPeriod: (mask: number) => number,
): Work[] {
  const work: Work[] = [];
  let product = instruction.level;
  for (const side of ['left', 'right'] as const) {
    const level = operandLevel(instruction, instruction[side]);
    const copies = instruction.terms.flatMap((term) => term[side]);
    const turns = new Set(copies.map(({ rotation }) => modulo(rotation, slots)));
    turns.delete(0);
    work.push({ kind: 'hoistedRotation', level, count: turns.size });
    const masked = copies.filter((copy): copy is Required<RotatedCopy> => copy.mask !== undefined);
    if (masked.length === 0) continue;
    product = instruction.level - 1;
    const periodic = masked.filter(({ mask }) => isPeriodic(maskPeriod(mask), slots)).length;
    work.push({ kind: 'periodicDiagonal', level, count: periodic });
    work.push({ kind: 'diagonal', level, count: masked.length - periodic });
    work.push({ kind: 'rescale', level, count: instruction.terms.length });
  }
  work.push({ kind: 'tensor', level: product, count: instruction.terms.length - 1 });
  work.push({ kind: 'multiply', level: product, count: 1 });
  return work;
}

function polynomialWork(steps: readonly Step[], level: number): Work[] {
  const depths = [0];
  const work: Work[] = [];
  for (const step of steps) {
    if (step.op === 'affine') {
      const fractions = step.terms.filter(({ factor }) => !Number.isInteger(factor));
      const at = Math.max(...step.terms.map(({ value }) => depths[value]!));
      depths.push(Math.max(at, ...fractions.map(({ value }) => depths[value]! + 1)));
      work.push({ kind: 'constant', level: level - at, count: fractions.length });
      continue;
    }
    const operands = step.op === 'product' ? [step.left, step.right] : [step.value];
    const at = Math.max(...operands.map((value) => depths[value]!));
    if (step.op === 'polynomial') {
      const { cost } = evaluationPlan(step.coefficients);
      depths.push(at + cost.levels);
      // Its products are spread over its levels.
      work.push({ kind: 'multiply', level: level - at - cost.levels / 2, count: cost.ciphertextMultiplications });
      work.push({ kind: 'constant', level: level - at - cost.levels / 2, count: cost.plaintextMultiplications });
    } else {
      depths.push(at + 1);
      work.push({ kind: 'multiply', level: level - at, count: 1 });
    }
  }
  return work;
}

function isPeriodic(period: number | undefined, slots: number): boolean {
  return period !== undefined && period * fewestRepeats <= slots;
}
