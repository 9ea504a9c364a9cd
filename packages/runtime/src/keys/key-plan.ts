import { programCost } from '@cipherformer/approx';
import {
  type BootstrapPlan,
  compareSpecs,
  conjugationElement,
  encodedLength,
  galoisElement,
  type KeySpec,
  keySwitchTransforms,
  type Parameters,
  StreamedTransformPlan,
} from '@cipherformer/ckks';
import type { EncryptedProgram, Instruction } from '../program/instructions.ts';
import { hasMasks } from '../program/levels.ts';
import { isMasked, masksOf, productTerms } from '../program/packed-product.ts';
import { PackedTransform } from '../program/packed-transform.ts';
import { conjugationLevel, highestLevels, type RotationUse, rotationsOf } from './rotations.ts';

/** A relinearisation key that costs this many times the transforms of the best one at a level still serves there. */
const acceptableCost = 1.15;

/**
 * The evaluation keys of a program, before any exists: those of its bootstraps, and as few and as low as serve its own
 * rotations and products. All its own rotations have one number of special primes, the one that makes them and their keys
 * cheapest together: so every rotation has one key, whatever the levels it is used at.
 */
export interface KeyPlan {
  readonly bootstraps: boolean;
  /** Special primes of the program's own rotation keys. */
  readonly special: number;
  /** Every key, those of bootstraps included, in the order of `compareSpecs`. */
  readonly specs: readonly KeySpec[];
}

/**
 * The evaluation keys that programs of one key set use, with the number of special primes that makes rotations and keys cheapest.
 * Cost: linear in its diagonals.
 * @throws ParameterError where no number of special primes serves the program's levels
 */
export function planKeys(programs: readonly EncryptedProgram[], bootstrap: BootstrapPlan): KeyPlan {
  const { parameters } = bootstrap;
  const instructions = programs.flatMap((program) => program.instructions);
  const bootstraps = instructions.some(({ op }) => op === 'bootstrap');
  const uses = programs.flatMap((program) =>
    program.instructions.flatMap((instruction) => rotationsOf(instruction, program.slots)),
  );
  const special = cheapestSpecial(parameters, uses, extendedDiagonals(programs, parameters));
  const given = bootstraps ? bootstrap.keySpecs() : [];
  const conjugations = programs.map(conjugationLevel).filter((level) => level !== undefined);
  const conjugates = conjugations.length > 0 ? Math.max(...conjugations) : undefined;
  const needed = [
    ...[...highestLevels(uses)].map(([rotation, level]) => ({
      galois: galoisElement(rotation, parameters.logN),
      level,
    })),
    ...(conjugates === undefined ? [] : [{ galois: conjugationElement(parameters.logN), level: conjugates }]),
  ];
  const galois = needed
    .filter(
      (use) =>
        !given.some(
          (key) =>
            key.galois === use.galois && key.level >= use.level && key.special === special && key.role === 'galois',
        ),
    )
    .map((use): KeySpec => ({ role: 'galois', ...use, special }));
  const relinearisations = relinearisationLevels(
    parameters,
    instructions.flatMap(productLevels),
    bootstraps ? [bootstrap.splitLevel] : [],
  ).map((level): KeySpec => ({ role: 'relinearisation', galois: 1, level, special: parameters.gadget(level).special }));
  return { bootstraps, special, specs: [...given, ...relinearisations, ...galois].sort(compareSpecs) };
}

/**
 * In limb transforms, measured at N = 2^16: reading a limb of a key and multiplying by it, and converting a limb from one
 * modulus to another.
 */
const keyLimbCost = 0.3;
const conversionCost = 0.1;

/**
 * What a limb of a key on the wire is worth, in limb transforms: what reading and unpacking it costs a first answer. So keys are
 * made smaller where one run pays no more for it than it saves before the first.
 */
const wireLimbCost = 16;

/** A limb of a diagonal: rounded, transformed and multiplied. In limb transforms, measured as `keyLimbCost`. */
const diagonalLimbCost = 1.7;

/** The number of special primes with which a program's rotations, the diagonals beside them and the keys cost least. */
function cheapestSpecial(parameters: Parameters, uses: readonly RotationUse[], diagonals: number): number {
  const levels = [...highestLevels(uses).values()];
  let best = { special: parameters.gadget(Math.max(0, ...levels)).special, cost: Infinity };
  for (let special = 1; special <= parameters.specialCount; special++) {
    const work = uses.reduce((sum, use) => sum + rotationCost(parameters, special, use), 0);
    const limbs = levels.reduce((sum, level) => sum + wireLimbs(parameters, special, level), 0);
    const cost = work + diagonalLimbCost * special * diagonals + wireLimbCost * limbs;
    if (cost < best.cost) best = { special, cost };
  }
  return best.special;
}

/** Limbs of a key that travel: one half of each digit. */
function wireLimbs(parameters: Parameters, special: number, level: number): number {
  const gadget = parameters.gadgetWith(level, special);
  return gadget ? gadget.digitSizes.length * (level + 1 + special) : Number.POSITIVE_INFINITY;
}

/** Diagonals and masks of the programs that are encoded in all limbs of an extended basis: those of undivided baby rotations. */
function extendedDiagonals(programs: readonly EncryptedProgram[], { n }: Parameters): number {
  const isWhole = (period: number) => encodedLength(n, period) === n;
  const count = (instruction: Instruction, { slots, masks }: EncryptedProgram): number => {
    if (instruction.op === 'linear') {
      const { dividesBabies, matrix, babySteps, giantSteps } = instruction;
      if (dividesBabies || !isWhole(matrix.period ?? slots)) return 0;
      const transform = new PackedTransform(instruction, slots);
      const shape = { outputs: transform.outputs.length, babySteps, giantSteps };
      return new StreamedTransformPlan(slots, transform.inputs.length, transform, shape).diagonals;
    }
    if (instruction.op !== 'productSum' || !hasMasks(instruction)) return 0;
    const { terms } = productTerms(instruction, slots);
    const copies = terms.flatMap(({ left, right }) => [...left, ...right]).filter(isMasked);
    const whole = copies.flatMap(masksOf).some((mask) => isWhole(masks[mask]!.period ?? slots));
    return whole ? copies.length : 0;
  };
  return programs.reduce(
    (sum, program) => program.instructions.reduce((total, instruction) => total + count(instruction, program), sum),
    0,
  );
}

/** What a rotation costs in limb transforms: a baby step only reads its key, a hoisted one is divided too. */
function rotationCost(parameters: Parameters, special: number, { level, kind }: RotationUse): number {
  const gadget = parameters.gadgetWith(level, special);
  if (!gadget) return Number.POSITIVE_INFINITY;
  const limbs = level + 1 + special;
  const reading = keyLimbCost * 2 * gadget.digitSizes.length * limbs;
  if (kind === 'baby') return reading;
  const division = 2 * (limbs + conversionCost * special * (level + 1));
  if (kind === 'hoisted') return reading + division;
  const extension = gadget.digitSizes.reduce((sum, size) => sum + (1 + conversionCost * size) * (limbs - size), 0);
  return reading + division + level + 1 + extension;
}

/** The levels of an instruction's relinearisations. */
function productLevels(instruction: Instruction): number[] {
  switch (instruction.op) {
    case 'multiply':
      return [instruction.level];
    case 'productSum':
      return [instruction.level - (hasMasks(instruction) ? 1 : 0)];
    case 'polynomial': {
      const levels = programCost({ interval: [-1, 1], steps: instruction.steps }).levels;
      return Array.from({ length: levels }, (_, i) => instruction.level - i);
    }
    default:
      return [];
  }
}

/** Levels of keys from the highest down, one more wherever those there are would cost too much. */
function relinearisationLevels(parameters: Parameters, levels: readonly number[], given: readonly number[]): number[] {
  const there = [...given];
  const chosen: number[] = [];
  for (const level of [...new Set(levels)].sort((a, b) => b - a)) {
    const best = keySwitchTransforms(level, parameters.gadget(level));
    const serves = (key: number) =>
      key >= level && keySwitchTransforms(level, parameters.gadget(key)) <= acceptableCost * best;
    if (there.some(serves)) continue;
    there.push(level);
    chosen.push(level);
  }
  return chosen;
}
