import { Op, Slab } from '../../kernels/index.ts';
import type { Decomposition, ExtendedBasis, KeySwitcher, Pair } from '../../scheme/index.ts';
import type { EncodedDiagonal } from './encoded-diagonal.ts';

// Baby-step giant-step with double hoisting (Bossuat, Mouchet, Troncoso-Pastoriza, Hubaux, EUROCRYPT 2021, section 4.3):
// all baby rotations share the digits of a ciphertext, and sums stay in the extended basis until they are complete.

/** A ciphertext that baby steps rotate, and the extended digits of its second polynomial. */
export interface BabySource {
  readonly parts: Pair;
  readonly digits: Omit<Decomposition, typeof Symbol.dispose>;
  /** The parts are in the extended basis, times the special primes: as an inner product with a key leaves them. */
  readonly isExtended?: boolean;
}

/**
 * A ciphertext rotated by `steps`, which is not 0, left in the extended basis: only its second polynomial is divided, for its digits.
 * One division of one polynomial, one decomposition. The caller releases it. @throws KeyError for a missing rotation key
 */
export function rotatedSource(
  switcher: KeySwitcher,
  { parts, digits }: { readonly parts: Pair; readonly digits: Decomposition },
  steps: number,
): BabySource & Disposable {
  const { kernels, ring } = switcher.context;
  const { level, special } = digits;
  const basis = { level, special };
  const words = switcher.words(basis);
  const key = switcher.rotationKey(steps, basis);
  const moved = new Slab(kernels, 2 * words);
  try {
    const pair: Pair = [moved.address(), moved.address(words)];
    using scaled = switcher.timesSpecial(parts[0], basis);
    switcher.innerProduct(pair, digits, key, { addend: scaled.address() });
    using second = new Slab(kernels, (level + 1) * ring.n);
    switcher.modDown([{ dst: second.address(), src: pair[1] }], basis);
    const own = switcher.decompose(second.address(), basis);
    return {
      ...{ parts: pair, digits: own, isExtended: true },
      [Symbol.dispose]() {
        own[Symbol.dispose]();
        moved.release();
      },
    };
  } catch (error) {
    moved.release();
    throw error;
  }
}

/** A diagonal and the baby rotation that it multiplies: of which source, by how many steps. */
export interface BabyTerm {
  readonly source: number;
  readonly baby: number;
  readonly diagonal: EncodedDiagonal;
}

/** Where the products of one giant step are summed, in the extended basis. */
export interface BabySum {
  readonly sum: Pair;
  readonly terms: readonly BabyTerm[];
}

/**
 * For each sum: the products of its diagonals with rotations of sources, all of one level and number of special primes.
 * One kernel call, which reads every diagonal once, and every key once for all sources.
 * @throws KeyError for a missing rotation key
 */
export function sumBabySteps(switcher: KeySwitcher, sources: readonly BabySource[], sums: readonly BabySum[]): void {
  const { kernels, ring, parameters } = switcher.context;
  const { digits } = sources[0]!;
  // Rotations by equally many steps one after the other: their key is still in the cache.
  const used = new Map<number, Set<number>>();
  for (const { terms } of sums)
    for (const { source, baby } of terms) used.set(baby, (used.get(baby) ?? new Set()).add(source));
  const places = new Map<string, number>();
  const babySteps = [...used].flatMap(([steps, by]) => {
    const key = steps === 0 ? undefined : switcher.rotationKey(steps, digits);
    return [...by].flatMap((source) => {
      places.set(`${source}/${steps}`, places.size);
      return key ? [source, key.galois, key.slab.address(), key.level + 1] : [source, 1, 0, 0];
    });
  });
  const outputs = sums.flatMap(({ sum, terms }) => [
    ...sum,
    terms.length,
    ...terms.flatMap(({ source, baby, diagonal }) => [
      places.get(`${source}/${baby}`)!,
      diagonal.slab.address(),
      diagonal.runBits,
    ]),
  ]);
  kernels.call(
    Op.linearBabySteps, ring.handle, sources.length,
    ...sources.flatMap(({ parts, digits: own, isExtended }) => [own.address, ...parts, isExtended ? 1 : 0]),
    parameters.basis(digits.level), parameters.specialBasis(digits.special), digits.digits,
    places.size, ...babySteps, sums.length, ...outputs,
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
