import { Slab } from '../../kernels/index.ts';
import {
  type Ciphertext,
  type Decomposition,
  type ExtendedBasis,
  type KeySwitcher,
  type Pair,
  pairOf,
} from '../../scheme/index.ts';
import { addGiantStep, sumBabySteps } from './double-hoisting.ts';
import type { EncodedDiagonal } from './encoded-diagonal.ts';

/** A diagonal and what it multiplies. */
export interface Product {
  readonly input: number;
  readonly baby: number;
  readonly diagonal: EncodedDiagonal;
}

/** The inputs of a linear transform, as baby steps rotate them. */
export interface Babies extends Disposable {
  /** What diagonals have to be encoded in, and products are summed in. */
  readonly basis: ExtendedBasis;
  /** For each sum: the products of its diagonals with the rotated inputs. @throws KeyError for a missing rotation key */
  multiply(sums: readonly { readonly sum: Pair; readonly products: readonly Product[] }[]): void;
  /** total (+)= rotate(sum, steps), `total` times the special primes in the extended basis. @throws KeyError as `multiply` */
  gather(total: Pair, sum: Pair, steps: number, accumulate: boolean): void;
}

/** Rotations are made anew for each call and never divided: for few diagonals a rotation. */
export class ExtendedBabies implements Babies {
  readonly basis: ExtendedBasis;
  readonly #switcher: KeySwitcher;
  readonly #inputs: readonly Ciphertext[];
  readonly #digits: readonly Decomposition[];

  constructor(switcher: KeySwitcher, inputs: readonly Ciphertext[], basis: ExtendedBasis) {
    this.basis = basis;
    this.#switcher = switcher;
    this.#inputs = inputs;
    this.#digits = inputs.map((input) => switcher.decompose(input.part(1), basis));
  }

  multiply(sums: readonly { readonly sum: Pair; readonly products: readonly Product[] }[]): void {
    const used = [...new Set(sums.flatMap(({ products }) => products.map(({ input }) => input)))];
    sumBabySteps(
      this.#switcher,
      used.map((input) => ({ parts: pairOf(this.#inputs[input]!), digits: this.#digits[input]! })),
      sums.map(({ sum, products }) => ({
        sum,
        terms: products.map(({ input, ...term }) => ({ ...term, source: used.indexOf(input) })),
      })),
    );
  }

  gather(total: Pair, sum: Pair, steps: number, accumulate: boolean): void {
    if (steps !== 0) {
      addGiantStep(this.#switcher, total, sum, steps, this.basis, accumulate);
      return;
    }
    const { ring, parameters } = this.#switcher.context;
    const primes = [...parameters.basis(this.basis.level), ...parameters.specialBasis(this.basis.special)];
    for (const half of [0, 1]) {
      const [to, from] = [total[half]!, sum[half]!];
      if (accumulate) ring.add(to, to, from, primes);
      else ring.addScalar(to, from, 0n, primes);
    }
  }

  [Symbol.dispose](): void {
    for (const digits of this.#digits) digits[Symbol.dispose]();
  }
}

/**
 * Rotations are made once, divided by the special primes and held: each costs a division more, and each diagonal has the
 * level's primes alone. For many diagonals a rotation.
 */
export class DividedBabies implements Babies {
  readonly basis: ExtendedBasis;
  readonly #switcher: KeySwitcher;
  readonly #extended: ExtendedBasis;
  readonly #rotated = new Map<string, Pair>();
  readonly #slabs: Slab[] = [];

  /** @param steps the baby steps of each input, in [0, slots) */
  constructor(
    switcher: KeySwitcher,
    inputs: readonly Ciphertext[],
    steps: readonly ReadonlySet<number>[],
    extended: ExtendedBasis,
  ) {
    this.basis = { level: extended.level, special: 0 };
    this.#switcher = switcher;
    this.#extended = extended;
    const words = switcher.words(this.basis);
    try {
      for (const [i, input] of inputs.entries()) {
        const rotations = [...steps[i]!].flatMap((baby) => {
          if (baby === 0) return [];
          const key = switcher.rotationKey(baby, extended);
          const slab = new Slab(switcher.context.kernels, 2 * words);
          this.#slabs.push(slab);
          const dst: Pair = [slab.address(), slab.address(words)];
          this.#rotated.set(`${i}/${baby}`, dst);
          return [{ key, dst }];
        });
        this.#rotated.set(`${i}/0`, pairOf(input));
        switcher.rotateHoisted(pairOf(input), extended.level, rotations);
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  multiply(sums: readonly { readonly sum: Pair; readonly products: readonly Product[] }[]): void {
    const name = ({ input, baby }: Product) => `${input}/${baby}`;
    const used = [...new Set(sums.flatMap(({ products }) => products.map(name)))];
    const places = new Map(used.map((at, place) => [at, place]));
    // Sources that are never rotated need no digits.
    const digits = { ...this.basis, address: 0, digits: 0 };
    sumBabySteps(
      this.#switcher,
      used.map((at) => ({ parts: this.#rotated.get(at)!, digits, isExtended: true })),
      sums.map(({ sum, products }) => ({
        sum,
        terms: products.map((product) => ({
          source: places.get(name(product))!,
          baby: 0,
          diagonal: product.diagonal,
        })),
      })),
    );
  }

  gather(total: Pair, [sum0, sum1]: Pair, steps: number, accumulate: boolean): void {
    const switcher = this.#switcher;
    const { ring, parameters } = switcher.context;
    using first = switcher.timesSpecial(sum0, this.#extended);
    if (steps === 0) {
      using second = switcher.timesSpecial(sum1, this.#extended);
      const primes = [...parameters.basis(this.#extended.level), ...parameters.specialBasis(this.#extended.special)];
      for (const [half, slab] of [first, second].entries()) {
        const to = total[half]!;
        if (accumulate) ring.add(to, to, slab.address(), primes);
        else ring.addScalar(to, slab.address(), 0n, primes);
      }
      return;
    }
    const key = switcher.rotationKey(steps, this.#extended);
    using digits = switcher.decompose(sum1, this.#extended);
    switcher.innerProduct(total, digits, key, { addend: first.address(), accumulate });
  }

  [Symbol.dispose](): void {
    for (const slab of this.#slabs) slab.release();
  }
}
