import { checkPowerOfTwo, checkWhole } from '../../errors/checks.ts';
import { OperandError, ParameterError } from '../../errors/index.ts';
import { conjugationElement, galoisElement } from '../../ring/index.ts';
import {
  checkSecretUse,
  ephemeralWeight,
  type Gadget,
  type GaloisUse,
  type KeySpec,
  keyMemoryBytes,
  keySwitchTransforms,
  maxSpecialPrimes,
  type Parameters,
  type ParametersLiteral,
} from '../../scheme/index.ts';
import { centred, type DiagonalMatrix } from '../linear/diagonals.ts';
import { LinearTransformPlan } from '../linear/linear-transform.ts';
import { coeffsToSlotsMatrices, slotsToCoeffsMatrices, transformDiagonals } from './dft.ts';
import { EvalMod, type EvalModOptions, evalModFor, log2FailureProbability } from './eval-mod.ts';

/** The shape of a modulus chain for bootstrapping in the slim order. */
export interface BootstrapChain {
  readonly logN: number;
  /** Levels a user has between two bootstraps. */
  readonly userLevels: number;
  /** Bits of the user's scale and primes. */
  readonly scaleBits: number;
  /** Bits of q0, of the primes of EvalMod and of CoeffsToSlots. */
  readonly wideBits: number;
  readonly slotsToCoeffsLevels: number;
  readonly coeffsToSlotsLevels: number;
  readonly specialCount: number;
  readonly evalMod?: EvalModOptions;
}

/** N = 2^16, 9 levels of 40 bits between bootstraps, within log2(QP) = 1747. */
export const defaultBootstrapChain: BootstrapChain = {
  logN: 16,
  userLevels: 9,
  scaleBits: 40,
  wideBits: 50,
  slotsToCoeffsLevels: 3,
  coeffsToSlotsLevels: 4,
  specialCount: 12,
};

/** 12 levels, for half as many bytes of keys again: for programs with a step that takes more than 9. */
export const longBootstrapChain: BootstrapChain = { ...defaultBootstrapChain, userLevels: 12, specialCount: 9 };

/**
 * 9 levels of 45 bits: a result of a bootstrap keeps 24 bits instead of 19, for 1.4 times the time of one and 1.8 times the
 * bytes of keys. For programs that would add up too much noise.
 */
export const preciseBootstrapChain: BootstrapChain = { ...defaultBootstrapChain, scaleBits: 45, specialCount: 8 };

/** SlotsToCoeffs and CoeffsToSlots are products of at most log2(2^16) matrices, a level each. */
function checkMatrices(slotsToCoeffsLevels: number, coeffsToSlotsLevels: number): void {
  checkWhole('slotsToCoeffsLevels', slotsToCoeffsLevels, 1, 16);
  checkWhole('coeffsToSlotsLevels', coeffsToSlotsLevels, 1, 16);
}

/**
 * The literal of a chain, bottom up: q0, SlotsToCoeffs, the user's levels, EvalMod (its arcsine first), CoeffsToSlots; special primes.
 * @throws ParameterError for counts out of range; `Parameters.from` checks the rest
 */
export function bootstrapLiteral(chain: BootstrapChain = defaultBootstrapChain): ParametersLiteral {
  checkMatrices(chain.slotsToCoeffsLevels, chain.coeffsToSlotsLevels);
  checkWhole('userLevels', chain.userLevels, 1, 200);
  checkWhole('specialCount', chain.specialCount, 1, maxSpecialPrimes);
  const { arcsineLevels, sineLevels } = new EvalMod(chain.evalMod ?? evalModFor(chain.wideBits - chain.scaleBits));
  return {
    logN: chain.logN,
    chainBits: [
      chain.wideBits,
      ...Array<number>(chain.slotsToCoeffsLevels + chain.userLevels + arcsineLevels).fill(chain.scaleBits),
      ...Array<number>(sineLevels + chain.coeffsToSlotsLevels).fill(chain.wideBits),
    ],
    specialBits: Array<number>(chain.specialCount).fill(chain.wideBits),
    scaleBits: chain.scaleBits,
  };
}

export interface BootstrapPlanOptions {
  /** Complex slots of the ciphertexts, a power of two up to N/2. Default: N/2. */
  readonly slots?: number;
  readonly slotsToCoeffsLevels?: number;
  readonly coeffsToSlotsLevels?: number;
  /** Default: what suits q0 / scale (`evalModFor`). */
  readonly evalMod?: EvalModOptions;
}

/** Everything about a bootstrap that is known without keys or ciphertexts: levels, rotations, bytes, work. */
export class BootstrapPlan {
  readonly parameters: Parameters;
  readonly slots: number;
  readonly evalMod: EvalMod;
  /** Input level: SlotsToCoeffs takes it to 0. */
  readonly inputLevel: number;
  /** Level of the result. */
  readonly outputLevel: number;
  /** Level at which real and imaginary parts are taken apart. */
  readonly splitLevel: number;
  readonly slotsToCoeffs: readonly LinearTransformPlan[];
  readonly coeffsToSlots: readonly LinearTransformPlan[];
  /**
   * By how much the slots have been rotated after each matrix of CoeffsToSlots: where that makes giant steps a ladder from 0,
   * which takes one key. The first matrix of SlotsToCoeffs rotates them back beforehand, at the bottom, where keys are small.
   */
  readonly turns: readonly number[];
  /** The encapsulation of the dense secret in a sparse one: q0 and one special prime, never more. */
  readonly encapsulation: Gadget = { special: 1, digitSizes: [1] };

  constructor(parameters: Parameters, options: BootstrapPlanOptions = {}) {
    this.parameters = parameters;
    checkSecretUse(parameters, ephemeralWeight, [
      ...parameters.basis(0),
      ...parameters.specialBasis(this.encapsulation.special),
    ]);
    this.slots = options.slots ?? parameters.maxSlots;
    checkPowerOfTwo('slots', this.slots, parameters.maxSlots);
    this.evalMod = new EvalMod(options.evalMod ?? evalModFor(Math.log2(parameters.primeAt(0) / parameters.scale)));
    this.inputLevel = options.slotsToCoeffsLevels ?? defaultBootstrapChain.slotsToCoeffsLevels;
    const depth = options.coeffsToSlotsLevels ?? defaultBootstrapChain.coeffsToSlotsLevels;
    checkMatrices(this.inputLevel, depth);
    const top = parameters.maxLevel;
    this.splitLevel = top - depth;
    this.outputLevel = this.splitLevel - this.evalMod.levels;
    if (this.outputLevel <= this.inputLevel) {
      throw new ParameterError(
        `these parameters have ${top} levels, but a bootstrap takes ${top - this.outputLevel} at the top and ${this.inputLevel} at the bottom: ` +
          'lengthen the chain (see bootstrapLiteral)',
      );
    }
    if (Math.log2(this.slots) < Math.max(depth, this.inputLevel)) {
      throw new ParameterError(
        `bootstrapping ${this.slots} slots cannot be split into ${Math.max(depth, this.inputLevel)} matrices: use more slots, or fewer levels for them`,
      );
    }
    const planned = (diagonals: readonly number[], turn: number, level: number) => {
      const turned = diagonals.map((d) => centred(d + turn, this.slots));
      return new LinearTransformPlan(parameters, this.slots, turned, level, { fewKeys: true });
    };
    const turns: number[] = [];
    this.coeffsToSlots = transformDiagonals(this.slots, depth, 'coeffsToSlots').map((diagonals, i) => {
      const turn = -Math.min(...diagonals);
      const [still, turned] = [0, turn].map((by) => planned(diagonals, by, top - i));
      const isBetter = turned!.galoisUses(parameters.logN).length < still!.galoisUses(parameters.logN).length;
      turns.push((turns.at(-1) ?? 0) + (isBetter ? turn : 0));
      return isBetter ? turned! : still!;
    });
    this.turns = turns;
    this.slotsToCoeffs = transformDiagonals(this.slots, this.inputLevel, 'slotsToCoeffs').map((diagonals, i) =>
      planned(diagonals, i === 0 ? -turns.at(-1)! : 0, this.inputLevel - i),
    );
  }

  /** The matrices of SlotsToCoeffs in clear, in the order in which they are applied. */
  slotsToCoeffsMatrices(): DiagonalMatrix[] {
    return slotsToCoeffsMatrices(this.slots, this.slotsToCoeffs.length).map((matrix, i) =>
      i === 0 ? matrix.turned(this.turns.at(-1)!, 0) : matrix,
    );
  }

  /** Those of CoeffsToSlots: their product gives the coefficients divided by 2 halfWidth and by the number of copies. */
  coeffsToSlotsMatrices(): DiagonalMatrix[] {
    const { length } = this.coeffsToSlots;
    // x + conj(x) doubles the real part, the trace multiplies by the number of copies, EvalMod wants x / halfWidth.
    const factor = 1 / (2 * 2 ** this.traceSteps * this.evalMod.halfWidth);
    return coeffsToSlotsMatrices(this.slots, length, factor ** (1 / length)).map((matrix, i) =>
      matrix.turned(this.turns[i - 1] ?? 0, this.turns[i]!),
    );
  }

  /** @throws OperandError unless the plan is for these parameters */
  require({ digest }: Parameters): void {
    if (this.parameters.digest === digest) return;
    throw new OperandError(
      `the plan is for parameters ${this.parameters.digest.slice(0, 12)}, this is ${digest.slice(0, 12)}: make a BootstrapPlan for these`,
    );
  }

  /** Levels a user has between two bootstraps. */
  get levelsLeft(): number {
    return this.outputLevel - this.inputLevel;
  }

  /** How many rotations add up the copies of a sparsely packed value: 0 for full slots. */
  get traceSteps(): number {
    return Math.log2(this.parameters.maxSlots / this.slots);
  }

  /** log2 of the bound on the probability that one bootstrap fails (a coefficient leaves EvalMod's interval). */
  get log2FailureProbability(): number {
    return log2FailureProbability(this.evalMod.options.bound, this.parameters.logN);
  }

  /** Rotations and the conjugation, each with the highest level of its use; one entry a key. */
  galoisUses(): GaloisUse[] {
    const { logN, maxLevel } = this.parameters;
    const uses: GaloisUse[] = [
      ...[...this.slotsToCoeffs, ...this.coeffsToSlots].flatMap((plan) => plan.galoisUses(logN)),
      { galois: conjugationElement(logN), level: this.splitLevel },
      ...Array.from({ length: this.traceSteps }, (_, i) => ({
        galois: galoisElement(this.slots * 2 ** i, logN),
        level: maxLevel,
      })),
    ];
    // One key a rotation and gadget: the highest level serves the lower ones.
    const highest = new Map<string, GaloisUse>();
    for (const use of uses) {
      const key = `${use.galois}/${this.parameters.gadget(use.level).special}`;
      const known = highest.get(key);
      if (!known || known.level < use.level) highest.set(key, use);
    }
    return [...highest.values()];
  }

  /** The evaluation keys of a bootstrap. */
  keySpecs(): KeySpec[] {
    const { parameters, encapsulation, splitLevel } = this;
    const { maxLevel } = parameters;
    const spec = (role: KeySpec['role'], level: number, galois = 1): KeySpec => ({
      role,
      galois,
      level,
      special: parameters.gadget(level).special,
    });
    return [
      spec('toDense', maxLevel),
      { role: 'toSparse', galois: 1, level: 0, special: encapsulation.special },
      ...this.galoisUses().map(({ galois, level }) => spec('galois', level, galois)),
      spec('relinearisation', splitLevel),
    ];
  }

  /** Bytes of all evaluation keys in memory, both halves; the wire carries a seed for one of them. */
  get keyBytes(): number {
    return keyMemoryBytes(this.parameters, this.keySpecs());
  }

  /** Limb NTTs of one bootstrap of a real ciphertext, counted. */
  get transforms(): number {
    const { parameters } = this;
    const linear = (plan: LinearTransformPlan) => {
      const limbs = plan.level + 1;
      const all = limbs + plan.special;
      const digits = parameters.gadgetWith(plan.level, plan.special)!.digitSizes.length;
      const decompose = limbs + digits * all - limbs;
      const middle = plan.middle === 0 ? 0 : all + decompose;
      return decompose + middle + plan.giantRotations * (all + decompose) + 2 * all;
    };
    const keySwitch = (level: number) => keySwitchTransforms(level, parameters.gadget(level));
    const matrices = [...this.slotsToCoeffs, ...this.coeffsToSlots].reduce((sum, plan) => sum + linear(plan), 0);
    const { relinearisations, rescalings } = this.evalMod.work(this.splitLevel);
    const relinearisation = this.parameters.gadget(this.splitLevel);
    const products = relinearisations.reduce((sum, level) => sum + keySwitchTransforms(level, relinearisation), 0);
    const rescales = rescalings.reduce((sum, level) => sum + 2 * (level + 1), 0);
    return (
      matrices +
      products +
      rescales +
      keySwitch(this.splitLevel) +
      (1 + this.traceSteps) * keySwitch(parameters.maxLevel) +
      2 * (parameters.maxLevel + 2) +
      keySwitchTransforms(0, this.encapsulation)
    );
  }
}
