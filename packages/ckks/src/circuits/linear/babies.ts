import { Slab } from '../../kernels/index.ts';
import {
  type Ciphertext,
  type Decomposition,
  type ExtendedBasis,
  type KeySwitcher,
  type Pair,
  pairOf,
} from '../../scheme/index.ts';
import { addGiantStep, type BabySource, rotatedSource, sumBabySteps } from './double-hoisting.ts';
import type { EncodedDiagonal } from './encoded-diagonal.ts';
import { fromMiddle, type StreamedTransformPlan } from './streamed-plan.ts';

/** A diagonal and what it multiplies. */
export interface Product {
  readonly input: number;
  /** The step from the input, or where `far` from the input rotated by the middle step. */
  readonly baby: number;
  readonly far: boolean;
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
  readonly #middle: number;
  /** Inputs rotated by the middle step, made when they are first asked for. */
  readonly #far = new Map<number, BabySource & Disposable>();

  constructor(switcher: KeySwitcher, inputs: readonly Ciphertext[], basis: ExtendedBasis, middle: number) {
    this.basis = basis;
    this.#switcher = switcher;
    this.#inputs = inputs;
    this.#middle = middle;
    this.#digits = inputs.map((input) => switcher.decompose(input.part(1), basis));
  }

  multiply(sums: readonly { readonly sum: Pair; readonly products: readonly Product[] }[]): void {
    const name = ({ input, far }: Product) => `${input}/${far}`;
    const places = new Map<string, number>();
    const sources: BabySource[] = [];
    for (const product of sums.flatMap(({ products }) => products)) {
      if (places.has(name(product))) continue;
      places.set(name(product), sources.length);
      sources.push(this.#source(product));
    }
    sumBabySteps(
      this.#switcher,
      sources,
      sums.map(({ sum, products }) => ({
        sum,
        terms: products.map((product) => ({
          source: places.get(name(product))!,
          baby: product.baby,
          diagonal: product.diagonal,
        })),
      })),
    );
  }

  #source({ input, far }: Product): BabySource {
    const near = { parts: pairOf(this.#inputs[input]!), digits: this.#digits[input]! };
    if (!far) return near;
    const moved = this.#far.get(input) ?? rotatedSource(this.#switcher, near, this.#middle);
    this.#far.set(input, moved);
    return moved;
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
    for (const moved of this.#far.values()) moved[Symbol.dispose]();
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
  readonly #middle: number;
  readonly #rotated = new Map<string, Pair>();
  readonly #slabs: Slab[] = [];

  constructor(
    switcher: KeySwitcher,
    inputs: readonly Ciphertext[],
    { babiesOf, middle }: Pick<StreamedTransformPlan, 'babiesOf' | 'middle'>,
    extended: ExtendedBasis,
  ) {
    this.basis = { level: extended.level, special: 0 };
    this.#switcher = switcher;
    this.#extended = extended;
    this.#middle = middle;
    try {
      for (const [i, input] of inputs.entries()) {
        this.#rotated.set(`${i}/0`, pairOf(input));
        const steps = [...babiesOf[i]!].map((baby) => fromMiddle(baby, middle));
        const of = (wanted: boolean) => steps.filter(({ far }) => far === wanted).map(({ baby }) => baby);
        const far = of(true);
        this.#rotate(i, 0, [...new Set([...of(false), ...(far.length > 0 ? [middle] : [])])]);
        this.#rotate(i, middle, far);
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Rotates what input `i` rotated by `start` is by further steps. */
  #rotate(i: number, start: number, steps: readonly number[]): void {
    const switcher = this.#switcher;
    const words = switcher.words(this.basis);
    const rotations = steps
      .filter((step) => step !== 0)
      .map((step) => {
        const key = switcher.rotationKey(step, this.#extended);
        const slab = new Slab(switcher.context.kernels, 2 * words);
        this.#slabs.push(slab);
        const dst: Pair = [slab.address(), slab.address(words)];
        this.#rotated.set(`${i}/${start + step}`, dst);
        return { key, dst };
      });
    switcher.rotateHoisted(this.#rotated.get(`${i}/${start}`)!, this.#extended.level, rotations);
  }

  multiply(sums: readonly { readonly sum: Pair; readonly products: readonly Product[] }[]): void {
    const name = ({ input, baby, far }: Product) => `${input}/${baby + (far ? this.#middle : 0)}`;
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
