import {
  type BootstrapPlan,
  digitSizesAt,
  type Gadget,
  type GaloisUse,
  galoisElement,
  type KeyShape,
  keySetWireBytes,
  keySwitchTransforms,
  type Parameters,
  StreamedTransformPlan,
  switchingKeyWords,
} from '@cipherformer/ckks';
import type { EncryptedProgram, Instruction } from '../program/instructions.ts';
import { hasMasks } from '../program/levels.ts';

/** A key that costs this many times the transforms of the best one at a level still serves there. */
const acceptableCost = 1.15;

/**
 * The evaluation keys of a program, before any exists: those of its bootstraps, and for its own rotations and products as
 * few and as low as serve them. A key has the gadget of its level; linear transforms need exactly the special primes of
 * their level, other operations take any key that costs little more than the best.
 */
export interface KeyPlan {
  readonly bootstraps: boolean;
  /** Rotations beyond those of the bootstrap. */
  readonly galois: readonly GaloisUse[];
  /** Levels of the relinearisation keys beyond that of the bootstrap. */
  readonly relinearisations: readonly number[];
  /** Bytes of all keys in memory, the bootstrap's included. */
  readonly keyBytes: number;
  /** Bytes of the file of all keys. */
  readonly wireBytes: number;
}

interface Use extends GaloisUse {
  /** A linear transform: the key has to have the special primes of this level. */
  readonly exact: boolean;
}

export function planKeys(program: EncryptedProgram, bootstrap: BootstrapPlan): KeyPlan {
  const { parameters } = bootstrap;
  const bootstraps = program.instructions.some(({ op }) => op === 'bootstrap');
  const uses = program.instructions.flatMap((instruction) => galoisUses(instruction, program.slots, parameters.logN));
  const products = program.instructions.flatMap(productLevels);
  const given = bootstraps ? bootstrap.galoisUses() : [];
  const galois = selectKeys(parameters, uses, given);
  const relinearisations = selectKeys(
    parameters,
    products.map((level) => ({ galois: 1, level, exact: false })),
    bootstraps ? [{ galois: 1, level: bootstrap.splitLevel }] : [],
  ).map(({ level }) => level);
  const shape = (level: number): KeyShape => ({ level, gadget: parameters.gadget(level) });
  const shapes = [
    ...(bootstraps
      ? [
          { level: 0, gadget: bootstrap.encapsulation },
          shape(parameters.maxLevel),
          shape(bootstrap.splitLevel),
          ...given.map(({ level }) => shape(level)),
        ]
      : []),
    ...relinearisations.map(shape),
    ...galois.map(({ level }) => shape(level)),
  ];
  return {
    bootstraps,
    galois,
    relinearisations,
    keyBytes: shapes.reduce((sum, { level, gadget }) => sum + 8 * switchingKeyWords(parameters.n, level, gadget), 0),
    wireBytes: keySetWireBytes(parameters, shapes),
  };
}

/** Rotations of an instruction with the level of each. */
function galoisUses(instruction: Instruction, slots: number, logN: number): Use[] {
  const use = (exact: boolean) => (steps: number) => ({
    galois: galoisElement(((steps % slots) + slots) % slots, logN),
    level: instruction.level,
    exact,
  });
  const own = (steps: readonly number[], exact: boolean) =>
    [...new Set(steps)].map(use(exact)).filter(({ galois }) => galois !== 1);
  switch (instruction.op) {
    case 'linear': {
      const { inputs, outputs, matrix, babySteps, giantSteps } = instruction;
      const shape = { outputs: outputs.length, babySteps, giantSteps };
      return own(new StreamedTransformPlan(slots, inputs.length, matrix, shape).rotations, true);
    }
    case 'rotateSum':
      return own(instruction.steps, false);
    case 'productSum':
      return own(instruction.terms.flatMap(({ left, right }) => [...left, ...right].map((c) => c.rotation)), false); // biome-ignore format: short
    default:
      return [];
  }
}

/** The levels of an instruction's relinearisations: the highest of each key it wants. */
function productLevels(instruction: Instruction): number[] {
  switch (instruction.op) {
    case 'multiply':
      return [instruction.level];
    case 'productSum':
      return [instruction.level - (hasMasks(instruction) ? 1 : 0)];
    case 'polynomial':
      // From the first product on, one a level at most: the levels below are served by the same keys.
      return [instruction.level];
    default:
      return [];
  }
}

/** For each automorphism, keys from the highest level down, one more wherever those there are would not do. */
function selectKeys(parameters: Parameters, uses: readonly Use[], given: readonly GaloisUse[]): GaloisUse[] {
  const chosen: GaloisUse[] = [];
  const byGalois = new Map<number, Use[]>();
  for (const use of uses) byGalois.set(use.galois, [...(byGalois.get(use.galois) ?? []), use]);
  for (const [galois, list] of byGalois) {
    const there = given.filter((key) => key.galois === galois).map(({ level }) => level);
    // Exact uses first: what they need serves the others too.
    const sorted = [...list].sort((a, b) => Number(b.exact) - Number(a.exact) || b.level - a.level);
    for (const use of sorted) {
      if (there.some((level) => serves(parameters, level, use))) continue;
      there.push(use.level);
      chosen.push({ galois, level: use.level });
    }
  }
  return chosen;
}

function serves(parameters: Parameters, level: number, use: Use): boolean {
  if (level < use.level) return false;
  const gadget = parameters.gadget(level);
  const best = parameters.gadget(use.level);
  if (use.exact) return gadget.special === best.special;
  return (
    keySwitchTransforms(use.level, cut(gadget, use.level)) <= acceptableCost * keySwitchTransforms(use.level, best)
  );
}

function cut(gadget: Gadget, level: number): Gadget {
  return { special: gadget.special, digitSizes: digitSizesAt(gadget, level) };
}
