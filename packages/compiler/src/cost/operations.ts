import { evaluationPlan, type Step } from '@cipherformer/approx';
import {
  defaultDiagonalBytes,
  encodedLength,
  evaluationWork,
  type Parameters,
  StreamedTransformPlan,
} from '@cipherformer/ckks';
import {
  type EncryptedProgram,
  hasMasks,
  type Instruction,
  type InstructionOf,
  isMasked,
  masksOf,
  PackedTransform,
  productTerms,
  type SlotMatrix,
  termGroups,
} from '@cipherformer/runtime';

/**
 * What instructions are made of, as the cost table prices it for every level:
 * - decompose: the digits of a polynomial, extended (shared by hoisted rotations)
 * - hoistedRotation: a rotation of a decomposed ciphertext, divided back
 * - babyRotation: one that stays in the extended basis, in a linear transform
 * - diagonal, periodicDiagonal: a diagonal encoded and multiplied; one that repeats so often that it is stored by its runs
 * - levelDiagonal: one in the level's primes alone, where baby rotations are divided (hoistedRotation)
 * - giantRotation, transformEnd: a giant step, and the division at the end of an output
 * - rotate: a whole rotation, or a conjugation
 * - relinearise: relinearisation and rescale in one division
 * - rescale, tensor (a product of ciphertexts, accumulated), scalar (a multiple of a ciphertext, added), encode
 * - bootstrapReal, bootstrapPair: the same at every level
 */
export const operationNames = [
  'decompose', 'hoistedRotation', 'babyRotation', 'diagonal', 'periodicDiagonal', 'levelDiagonal', 'giantRotation', 'transformEnd', 'rotate',
  'relinearise', 'rescale', 'tensor', 'scalar', 'encode', 'bootstrapReal', 'bootstrapPair',
] as const; // biome-ignore format: a list
export type OperationName = (typeof operationNames)[number];

/** `count` operations of one kind at a level. */
export interface OperationCount {
  readonly operation: OperationName;
  readonly level: number;
  readonly count: number;
}

/** The operations of an instruction, worked at `level`. Scales that happen to need a rescale more are not counted. */
export function operationsOf(
  instruction: Instruction,
  { slots, masks }: Pick<EncryptedProgram, 'slots'> & Partial<Pick<EncryptedProgram, 'masks'>>,
  parameters: Parameters,
  level = instruction.level,
): OperationCount[] {
  const at = (operation: OperationName, count: number, where = level) => ({ operation, level: where, count });
  switch (instruction.op) {
    case 'linear':
      return linear(instruction, slots, parameters, level);
    case 'productSum':
      return productSum(instruction, slots, level, (mask) => isCompact(masks?.[mask]?.period, parameters));
    case 'add':
      return [at('scalar', 3)];
    case 'addVector':
      return [at('encode', 1), at('scalar', 2)];
    case 'multiply':
      return [at('scalar', 2), at('tensor', 1), at('relinearise', 1)];
    case 'rotateSum':
      return [at('rotate', instruction.steps.length), at('scalar', instruction.steps.length + 1)];
    case 'polynomial':
      return polynomial(instruction.steps, level);
    case 'bootstrap': {
      const { length } = instruction.inputs;
      return [at('bootstrapPair', Math.floor(length / 2)), at('bootstrapReal', length % 2)];
    }
  }
}

/** What a linear transform counts at every level alike. */
interface LinearCounts {
  readonly matrix: SlotMatrix;
  /** Ciphertexts that are multiplied, and their sums: packed ones count once. */
  readonly inputs: number;
  readonly outputs: number;
  /** Inputs that have to be packed, and those of them with a rotation. */
  readonly packed: number;
  readonly turned: number;
  /** Outputs whose real and imaginary parts are taken. */
  readonly conjugations: number;
  readonly diagonals: number;
  /** Rotations of inputs, and of the sums of outputs. */
  readonly babyRotations: number;
  readonly giantRotations: number;
  /** Inputs rotated by a middle step. */
  readonly middleRotations: number;
}

/** By the steps they were made for: a placement asks for the same instruction at many levels. */
const knownCounts = new WeakMap<readonly number[], LinearCounts>();

function countLinear(instruction: InstructionOf<'linear'>, slots: number): LinearCounts {
  const { matrix, babySteps, giantSteps } = instruction;
  const known = knownCounts.get(babySteps);
  if (known?.matrix === matrix) return known;
  const transform = new PackedTransform(instruction, slots);
  const { inputs, outputs } = transform;
  const shape = { outputs: outputs.length, babySteps, giantSteps, fewKeys: true };
  const plan = new StreamedTransformPlan(slots, inputs.length, transform, shape);
  const packed = inputs.flatMap(({ imaginary }) => imaginary ?? []);
  const counts: LinearCounts = {
    matrix,
    inputs: inputs.length,
    outputs: outputs.length,
    packed: packed.length,
    turned: packed.filter(({ turn }) => turn !== 0).length,
    conjugations: outputs.filter((_, output) => transform.takesParts(output)).length,
    diagonals: plan.diagonals,
    babyRotations: plan.babyRotations,
    middleRotations: plan.middleRotations,
    giantRotations: plan.giantRotations,
  };
  knownCounts.set(babySteps, counts);
  return counts;
}

function linear(
  instruction: InstructionOf<'linear'>,
  slots: number,
  parameters: Parameters,
  level: number,
): OperationCount[] {
  const { matrix, dividesBabies } = instruction;
  const counts = countLinear(instruction, slots);
  const { inputs, outputs, packed, turned, conjugations, diagonals, babyRotations } = counts;
  const bytes =
    8 * encodedLength(parameters.n, matrix.period ?? slots) * (level + 1 + parameters.gadget(level).special);
  const parts = Math.max(1, Math.ceil((diagonals * bytes) / defaultDiagonalBytes));
  const kept = isCompact(matrix.period, parameters) ? 'periodicDiagonal' : 'diagonal';
  return [
    { operation: 'rotate', level, count: turned },
    { operation: 'scalar', level, count: 4 * packed },
    { operation: 'decompose', level, count: inputs + counts.middleRotations },
    // Of one polynomial, where an end divides two.
    { operation: 'transformEnd', level, count: dividesBabies ? 0 : counts.middleRotations / 2 },
    ...(dividesBabies
      ? [{ operation: 'hoistedRotation', level, count: babyRotations } as const]
      : [{ operation: 'babyRotation', level, count: babyRotations * parts } as const]),
    { operation: dividesBabies ? 'levelDiagonal' : kept, level, count: diagonals },
    { operation: 'giantRotation', level, count: counts.giantRotations },
    { operation: 'transformEnd', level, count: outputs },
    { operation: 'rotate', level: level - 1, count: conjugations },
    { operation: 'scalar', level: level - 1, count: 3 * conjugations },
  ];
}

/** Runs of equal values as long as the engine stores by their values. */
function isCompact(period: number | undefined, { n }: Parameters): boolean {
  return period !== undefined && encodedLength(n, period) < n;
}

function productSum(
  instruction: InstructionOf<'productSum'>,
  slots: number,
  level: number,
  isPeriodic: (mask: number) => boolean,
): OperationCount[] {
  const { left, right, packing } = instruction;
  const product = level - (hasMasks(instruction) ? 1 : 0);
  const turns = [packing?.left, packing?.right].filter((turn) => turn !== undefined).length;
  const conjugations = packing ? 1 : 0;
  const { alone } = productTerms(instruction, slots);
  const aside = alone ? [...alone.left, ...alone.right].filter(({ rotation }) => rotation !== 0).length : 0;
  const { groups, shared } = termGroups(instruction, slots);
  const turnedSums = shared ? groups.length - 1 : 0;
  const counts: OperationCount[] = [
    { operation: 'rotate', level: product, count: turns + aside + turnedSums },
    { operation: 'scalar', level: product, count: 2 * turns + 2 * turnedSums },
    { operation: 'rotate', level: product - 1, count: conjugations },
    { operation: 'scalar', level: product - 1, count: conjugations },
    {
      operation: 'tensor',
      level: product,
      count: groups.reduce((sum, group) => sum + group.left.copies.length, alone ? 1 : 0),
    },
    // Of two sides without masks one is brought to half the scale, from above.
    { operation: 'rescale', level: product, count: turns === 2 ? 1 : 0 },
    { operation: 'relinearise', level: product, count: 1 + turnedSums },
    { operation: 'scalar', level, count: left === right ? 1 : 2 },
  ];
  for (const [g, group] of groups.entries()) {
    for (const side of ['left', 'right'] as const) {
      if (g > 0 && side === shared?.side) continue;
      const { turn, copies } = group[side];
      const all = copies.flat();
      const masked = all.filter(isMasked);
      const masks = masked.flatMap(masksOf);
      const rotations = new Set(all.map(({ rotation }) => rotation).filter((rotation) => rotation !== 0)).size;
      const where = masked.length > 0 ? level : product;
      if (turn !== 0) counts.push({ operation: 'rotate', level: where, count: 1 });
      counts.push({ operation: 'decompose', level: where, count: 1 });
      counts.push({
        operation: masked.length > 0 ? 'babyRotation' : 'hoistedRotation',
        level: where,
        count: rotations,
      });
      if (masked.length === 0) continue;
      const kind = masks.every(isPeriodic) ? 'periodicDiagonal' : 'diagonal';
      counts.push({ operation: kind, level, count: masked.length });
      counts.push({ operation: 'transformEnd', level, count: copies.length });
    }
  }
  return counts;
}

function polynomial(steps: readonly Step[], level: number): OperationCount[] {
  const counts: OperationCount[] = [{ operation: 'scalar', level, count: 1 }];
  const levels = [level];
  for (const step of steps) {
    if (step.op === 'affine') {
      const result = Math.min(
        ...step.terms.map(({ value, factor }) => levels[value]! - (Number.isInteger(factor) ? 0 : 1)),
      );
      counts.push({ operation: 'scalar', level: result, count: step.terms.length });
      if (step.terms.some(({ value }) => levels[value]! > result))
        counts.push({ operation: 'rescale', level: result + 1, count: 1 });
      levels.push(result);
    } else if (step.op === 'polynomial') {
      const plan = evaluationPlan(step.coefficients);
      const from = levels[step.value]!;
      const { relinearisations, rescalings } = evaluationWork(plan, from);
      for (const at of relinearisations) {
        counts.push({ operation: 'tensor', level: at, count: 1 });
        counts.push({ operation: 'relinearise', level: at, count: 1 });
      }
      for (const at of rescalings) counts.push({ operation: 'rescale', level: at, count: 1 });
      counts.push({ operation: 'scalar', level: from - 1, count: plan.cost.plaintextMultiplications });
      levels.push(from - plan.cost.levels);
    } else {
      const operands = step.op === 'product' ? [step.left, step.right] : [step.value];
      const at = Math.min(...operands.map((value) => levels[value]!));
      counts.push({ operation: 'tensor', level: at, count: 1 }, { operation: 'relinearise', level: at, count: 1 });
      if (operands.some((value) => levels[value]! > at)) counts.push({ operation: 'rescale', level: at + 1, count: 1 });
      levels.push(at - 1);
    }
  }
  return counts;
}
