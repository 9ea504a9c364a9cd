import { modulo } from '../program/check.ts';
import type { EncryptedProgram, Instruction } from '../program/instructions.ts';
import { operandLevel } from '../program/levels.ts';
import { termGroups } from '../program/term-groups.ts';

/** A rotation of a ciphertext at a level. */
export interface RotationUse {
  /** In (0, slots). */
  readonly rotation: number;
  readonly level: number;
}

/** Every rotation an instruction makes, at the level it makes it; without those by 0. */
export function rotationsOf(instruction: Instruction, slots: number): RotationUse[] {
  const at = (rotations: readonly number[], level: number): RotationUse[] =>
    [...new Set(rotations.map((rotation) => modulo(rotation, slots)))]
      .filter((rotation) => rotation !== 0)
      .map((rotation) => ({ rotation, level }));
  switch (instruction.op) {
    case 'linear':
      return at([...instruction.babySteps, ...instruction.giantSteps], instruction.level);
    case 'rotateSum':
      return at(instruction.steps, instruction.level);
    case 'productSum':
      return termGroups(instruction, slots).flatMap((group) =>
        (['left', 'right'] as const).flatMap((side) => {
          const { turn, copies } = group[side];
          return at(
            [turn, ...copies.flat().map(({ rotation }) => rotation)],
            operandLevel(instruction, instruction[side]),
          );
        }),
      );
    default:
      return [];
  }
}

/**
 * The rotations a program needs keys for, each with the highest level it is used at; bootstraps have their own. An engine
 * may add keys for lower levels where those are faster.
 */
export function rotationKeys({ instructions, slots }: EncryptedProgram): ReadonlyMap<number, number> {
  const keys = new Map<number, number>();
  for (const instruction of instructions)
    for (const { rotation, level } of rotationsOf(instruction, slots))
      keys.set(rotation, Math.max(level, keys.get(rotation) ?? 0));
  return keys;
}
