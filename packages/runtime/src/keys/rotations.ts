import { modulo } from '@cipherformer/base';
import { StreamedTransformPlan } from '@cipherformer/ckks';
import type { EncryptedProgram, Instruction } from '../program/instructions.ts';
import { hasMasks, operandLevel } from '../program/levels.ts';
import { isMasked, productTerms } from '../program/packed-product.ts';
import { PackedTransform } from '../program/packed-transform.ts';
import { termGroups } from '../program/term-groups.ts';

/** A rotation of a ciphertext at a level. */
export interface RotationUse {
  /** In (0, slots). */
  readonly rotation: number;
  readonly level: number;
  /** baby: stays in the extended basis; hoisted: shares its digits with others and is divided back; whole: on its own. */
  readonly kind: 'baby' | 'hoisted' | 'whole';
}

/** Every rotation an instruction makes, at the level it makes it; without those by 0. Cost: linear in its diagonals. */
export function rotationsOf(instruction: Instruction, slots: number): RotationUse[] {
  const at = (rotations: readonly number[], level: number, kind: RotationUse['kind']): RotationUse[] =>
    [...new Set(rotations.map((rotation) => modulo(rotation, slots)))]
      .filter((rotation) => rotation !== 0)
      .map((rotation) => ({ rotation, level, kind }));
  switch (instruction.op) {
    case 'linear': {
      const { babySteps, giantSteps, level, dividesBabies } = instruction;
      const transform = new PackedTransform(instruction, slots);
      const shape = { outputs: transform.outputs.length, babySteps, giantSteps, fewKeys: true };
      const plan = new StreamedTransformPlan(slots, transform.inputs.length, transform, shape);
      return [
        ...transform.inputs.flatMap(({ imaginary }) => at(imaginary ? [imaginary.turn] : [], level, 'whole')),
        ...plan.babiesOf.flatMap((babies) => at(plan.keysOf(babies), level, dividesBabies ? 'hoisted' : 'baby')),
        ...plan.groups.flatMap(({ giant }) => at([giant], level, 'whole')),
      ];
    }
    case 'rotateSum':
      return at(instruction.steps, instruction.level, 'whole');
    case 'productSum': {
      const { alone } = productTerms(instruction, slots);
      const { groups, shared } = termGroups(instruction, slots);
      const product = instruction.level - (hasMasks(instruction) ? 1 : 0);
      const sums = shared ? at([shared.turn], product, 'whole') : [];
      const sides = (['left', 'right'] as const).flatMap((side) => {
        const own = groups.map((group) => group[side]);
        const copies = own.flatMap((group) => group.copies.flat());
        const level = operandLevel(instruction, instruction[side]);
        const whole = [
          ...own.map(({ turn }) => turn),
          instruction.packing?.[side] ?? 0,
          ...(alone?.[side] ?? []).map(({ rotation }) => rotation),
        ];
        return [
          ...at(copies.map(({ rotation }) => rotation), level, copies.some(isMasked) ? 'baby' : 'hoisted'),
          ...at(whole, level, 'whole'),
        ]; // biome-ignore format: two lists
      });
      return [...sums, ...sides];
    }
    default:
      return [];
  }
}

/** The highest level a program conjugates at of its own, after packed maps and products; undefined where it never does. */
export function conjugationLevel({ instructions, slots }: EncryptedProgram): number | undefined {
  const levels = instructions.flatMap((instruction) => {
    if (instruction.op === 'productSum')
      return instruction.packing ? [instruction.level - (hasMasks(instruction) ? 2 : 1)] : [];
    if (instruction.op !== 'linear' || !instruction.packing) return [];
    const { outputs, takesParts } = new PackedTransform(instruction, slots);
    return outputs.some((_, output) => takesParts(output)) ? [instruction.level - 1] : [];
  });
  return levels.length > 0 ? Math.max(...levels) : undefined;
}

/** Each rotation once, with the highest level it is made at. */
export function highestLevels(uses: readonly RotationUse[]): ReadonlyMap<number, number> {
  const levels = new Map<number, number>();
  for (const { rotation, level } of uses) levels.set(rotation, Math.max(level, levels.get(rotation) ?? 0));
  return levels;
}

/** The rotations a program makes, each with the highest level it is made at; bootstraps have their own. */
export function rotationKeys({ instructions, slots }: EncryptedProgram): ReadonlyMap<number, number> {
  return highestLevels(instructions.flatMap((instruction) => rotationsOf(instruction, slots)));
}
