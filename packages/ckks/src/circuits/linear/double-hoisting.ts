import { Op, Slab } from '../../kernels/index.ts';
import type { Decomposition, ExtendedBasis, KeySwitcher, Pair } from '../../scheme/index.ts';
import type { EncodedDiagonal } from './encoded-diagonal.ts';

// Baby-step giant-step with double hoisting (Bossuat, Mouchet, Troncoso-Pastoriza, Hubaux, EUROCRYPT 2021, section 4.3):
// all baby rotations share the digits of a ciphertext, and sums stay in the extended basis until they are complete.

/** A diagonal and the baby rotation that it multiplies. */
export interface BabyTerm {
  readonly baby: number;
  readonly diagonal: EncodedDiagonal;
}

/** Where the products of one giant step are summed, in the extended basis. */
export interface BabySum {
  readonly sum: Pair;
  readonly terms: readonly BabyTerm[];
}

/**
 * For each sum: the products of its diagonals with rotations of a ciphertext, whose second polynomial has these digits.
 * One kernel call, which reads every key and diagonal once.
 * @throws KeyError for a missing rotation key
 */
export function sumBabySteps(
  switcher: KeySwitcher,
  [part0, part1]: Pair,
  digits: Decomposition,
  sums: readonly BabySum[],
): void {
  const { kernels, ring, parameters } = switcher.context;
  const babySteps = [...new Set(sums.flatMap(({ terms }) => terms.map(({ baby }) => baby)))];
  const keys = babySteps.flatMap((steps) => {
    if (steps === 0) return [1, 0, 0];
    const key = switcher.rotationKey(steps, digits);
    return [key.galois, key.slab.address(), key.level + 1];
  });
  const outputs = sums.flatMap(({ sum, terms }) => [
    ...sum,
    terms.length,
    ...terms.flatMap(({ baby, diagonal }) => [babySteps.indexOf(baby), diagonal.slab.address(), diagonal.runBits]),
  ]);
  kernels.call(
    Op.linearBabySteps, ring.handle, digits.address, part0, part1, parameters.basis(digits.level),
    parameters.specialBasis(digits.special), digits.digits, babySteps.length, ...keys, sums.length, ...outputs,
  ); // biome-ignore format: one kernel call
}

/**
 * total (+)= sum rotated by `steps`, which is not 0: all in the extended basis. One decomposition.
 * @throws KeyError for a missing rotation key
 */
export function addGiantStep(
  switcher: KeySwitcher,
  total: Pair,
  [sum0, sum1]: Pair,
  steps: number,
  basis: ExtendedBasis,
  accumulate: boolean,
): void {
  const { kernels, ring } = switcher.context;
  const key = switcher.rotationKey(steps, basis);
  using second = new Slab(kernels, (basis.level + 1) * ring.n);
  switcher.modDown([{ dst: second.address(), src: sum1 }], basis);
  using digits = switcher.decompose(second.address(), basis);
  switcher.innerProduct(total, digits, key, { addend: sum0, accumulate });
}
