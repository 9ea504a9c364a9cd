import { checkPowerOfTwo, checkWhole } from '../../errors/checks.ts';
import { ParameterError } from '../../errors/index.ts';
import { maxPrimeBits } from '../../ring/index.ts';
import {
  keySwitchTransforms,
  maxSpecialPrimes,
  minEphemeralLogN,
  Parameters,
  type ParametersLiteral,
  secureLogQP,
} from '../../scheme/index.ts';
import { bootstrapLiteral, defaultBootstrapChain } from './bootstrap-plan.ts';
import { EvalMod } from './eval-mod.ts';

/** What a computation needs. */
export interface Requirements {
  /** Levels: rescales between encryption and decryption, or between two bootstraps. */
  readonly levels: number;
  /** Bits behind the binary point that a slot near 1 keeps, on average. Give this or scaleBits. */
  readonly precisionBits?: number;
  /** log2 of the scale: the bits of every level's prime. */
  readonly scaleBits?: number;
  /** Complex slots in one ciphertext. Default 1: as many as the ring has. */
  readonly slots?: number;
  /** Bits in front of the binary point at level 0. Default 9; with bootstrapping values stay at most 1. */
  readonly rangeBits?: number;
  readonly bootstrapping?: boolean;
}

export interface Choice {
  readonly literal: ParametersLiteral;
  readonly parameters: Parameters;
  /** Mean bits behind the binary point to expect, by `expectedPrecision`. */
  readonly precisionBits: number;
}

const ringSizes = [12, 13, 14, 15, 16, 17] as const;
/** q0 is this many bits above the scale when bootstrapping: see EvalMod on the sine's error. */
const bootstrapRatioBits = 10;
/** What EvalMod's noise costs of scale / N, and bits that its approximation leaves: by `bootstrapPrecision`. */
const evalModBits = 4.35;
const sineBits = 19.95;
/** Smaller primes than this leave too little of a message above the rounding errors of any secure ring. */
const minScaleBits = 20;

/**
 * Mean bits behind the binary point after `levels` rescales. Each one adds a rounding error of variance (N + 3) / 18 a
 * coefficient (a ternary secret has 2 N / 3 ones), N / 2 times that in the real part of a slot, and a multiplication
 * keeps the errors of both sides: hence sqrt(2 levels). Bootstrapping adds two errors, as `bootstrapPrecision` has them for
 * all slots, spread evenly over [-1, 1], at q0 / scale = 2^10: EvalMod's noise, proportional to N, and what the series and
 * the sine leave whatever the scale.
 */
export function expectedPrecision(logN: number, scaleBits: number, levels: number, bootstrapping = false): number {
  const slotDeviation = 0.5 * (2 * logN - Math.log2(36)) + 0.5 * Math.log2(2 * Math.max(1, levels));
  const levelled = scaleBits - slotDeviation;
  if (!bootstrapping) return levelled;
  const refresh = scaleBits - logN - evalModBits;
  return -0.5 * Math.log2(4 ** -levelled + 4 ** -refresh + 4 ** -sineBits);
}

/**
 * The smallest secure parameters for a computation: the smallest ring first, then the cheapest key switch at the top.
 * @throws ParameterError that says what to relax when there are none
 */
export function chooseParameters(requirements: Requirements): Choice {
  const checked = checkRequirements(requirements);
  for (const logN of ringSizes) {
    const choice = chooseInRing(checked, logN);
    if (choice) return choice;
  }
  throw new ParameterError(explain(checked));
}

type Checked = Required<Omit<Requirements, 'precisionBits' | 'scaleBits'>> &
  Pick<Requirements, 'precisionBits' | 'scaleBits'>;

function checkRequirements(requirements: Requirements): Checked {
  const { levels, precisionBits, scaleBits, slots = 1, rangeBits = 9, bootstrapping = false } = requirements;
  checkWhole('levels', levels, bootstrapping ? 1 : 0, 200);
  checkWhole('rangeBits', rangeBits, 1, 30);
  if ((precisionBits === undefined) === (scaleBits === undefined))
    throw new ParameterError('give either precisionBits or scaleBits: one follows from the other');
  if (scaleBits !== undefined) checkWhole('scaleBits', scaleBits, minScaleBits, maxPrimeBits);
  if (precisionBits !== undefined && !(precisionBits > 0 && precisionBits <= maxPrimeBits))
    throw new ParameterError(`precisionBits must be above 0 and at most ${maxPrimeBits}, not ${precisionBits}`);
  checkPowerOfTwo('slots', slots, Number.MAX_SAFE_INTEGER);
  return {
    levels,
    slots,
    rangeBits,
    bootstrapping,
    ...(precisionBits === undefined ? {} : { precisionBits }),
    ...(scaleBits === undefined ? {} : { scaleBits }),
  };
}

function chooseInRing(checked: Checked, logN: number): Choice | undefined {
  if (checked.slots > 2 ** (logN - 1)) return undefined;
  if (checked.bootstrapping && logN < minEphemeralLogN) return undefined;
  const scaleBits = scaleFor(checked, logN);
  if (scaleBits === undefined) return undefined;
  let best: { parameters: Parameters; cost: number } | undefined;
  for (let special = 1; special <= maxSpecialPrimes; special++) {
    const literal = literalOf(checked, logN, scaleBits, special);
    // Bits of primes tell what their product will be up to a fraction of a bit; the check decides.
    if (sum(literal.chainBits) + sum(literal.specialBits) > secureLogQP(logN) + 1) break;
    const parameters = secure(literal);
    if (!parameters) continue;
    const cost = keySwitchTransforms(parameters.maxLevel, parameters.gadget(parameters.maxLevel));
    if (!best || cost < best.cost) best = { parameters, cost };
  }
  if (!best) return undefined;
  const { parameters } = best;
  const precisionBits = expectedPrecision(logN, scaleBits, checked.levels, checked.bootstrapping);
  return { literal: parameters.literal, parameters, precisionBits };
}

/** The scale that gives the wanted precision in this ring; undefined where primes are too small for it. */
function scaleFor(checked: Checked, logN: number): number | undefined {
  const { precisionBits, bootstrapping, levels } = checked;
  const largest = largestScale(checked);
  if (checked.scaleBits !== undefined) return checked.scaleBits <= largest ? checked.scaleBits : undefined;
  for (let scaleBits = minScaleBits; scaleBits <= largest; scaleBits++)
    if (expectedPrecision(logN, scaleBits, levels, bootstrapping) >= precisionBits!) return scaleBits;
  return undefined;
}

function largestScale({ bootstrapping, rangeBits }: Checked): number {
  return maxPrimeBits - (bootstrapping ? bootstrapRatioBits : rangeBits + 1);
}

function literalOf(checked: Checked, logN: number, scaleBits: number, specialCount: number): ParametersLiteral {
  if (checked.bootstrapping) {
    const wideBits = scaleBits + bootstrapRatioBits;
    return bootstrapLiteral({
      ...defaultBootstrapChain,
      logN,
      userLevels: checked.levels,
      scaleBits,
      wideBits,
      specialCount,
    });
  }
  const q0 = Math.min(maxPrimeBits, scaleBits + checked.rangeBits + 1);
  return {
    logN,
    chainBits: [q0, ...Array<number>(checked.levels).fill(scaleBits)],
    specialBits: Array<number>(specialCount).fill(q0),
    scaleBits,
  };
}

function secure(literal: ParametersLiteral): Parameters | undefined {
  try {
    return Parameters.from(literal);
  } catch (error) {
    if (error instanceof ParameterError) return undefined;
    throw error;
  }
}

function sum(bits: readonly number[]): number {
  return bits.reduce((total, b) => total + b, 0);
}

/** Why there is nothing, and the nearest things that there are. */
function explain(checked: Checked): string {
  const { levels, precisionBits, scaleBits, slots, bootstrapping } = checked;
  const asked = precisionBits === undefined ? `a scale of 2^${scaleBits}` : `${precisionBits} bits of precision`;
  const start = `no 128-bit secure parameters have ${levels} levels with ${asked} and ${slots} slots${bootstrapping ? ' and bootstrapping' : ''}: `;
  const largest = ringSizes.at(-1)!;
  if (slots > 2 ** (largest - 1)) return `${start}use at most ${2 ** (largest - 1)} slots and several ciphertexts`;
  const scale = scaleFor(checked, largest) ?? 0;
  if (scale === 0) {
    const smallest = bootstrapping ? minEphemeralLogN : ringSizes[0];
    const most = Math.floor(expectedPrecision(smallest, largestScale(checked), levels, bootstrapping));
    return scaleBits === undefined
      ? `${start}ask for fewer bits (about ${most} at most with ${levels} levels, fewer in larger rings)`
      : `${start}use a scale of at most 2^${largestScale(checked)}${bootstrapping ? '' : ', or fewer rangeBits'}`;
  }
  const fits = (changed: Checked) => chooseInRing(changed, largest) !== undefined;
  const fewer = Array.from({ length: levels }, (_, i) => levels - 1 - i).find(
    (l) => l >= (bootstrapping ? 1 : 0) && fits({ ...checked, levels: l }),
  );
  const alternatives: string[] = [];
  if (fewer !== undefined) alternatives.push(`at most ${fewer} levels`);
  const { precisionBits: _, ...rest } = checked;
  for (let bits = scale - 1; bits >= minScaleBits; bits--) {
    if (!fits({ ...rest, scaleBits: bits })) continue;
    alternatives.push(`a scale of at most 2^${bits}`);
    break;
  }
  const { slotsToCoeffsLevels, coeffsToSlotsLevels } = defaultBootstrapChain;
  const bootstrapLevels = slotsToCoeffsLevels + new EvalMod().levels + coeffsToSlotsLevels;
  if (!bootstrapping) alternatives.push(`bootstrapping (with ${bootstrapLevels} levels of its own)`);
  return `${start}the largest ring, N = 2^${largest}, allows ${alternatives.join(', or ')}`;
}
