import { type Kernels, Op, Ring, Slab, takePrimes } from '@cipherformer/ckks';

/** Shape of the multi-limb calls: a ciphertext of 24 limbs, 6 special primes, 4 digits. */
export const shape = { q: 24, special: 6, digits: [6, 6, 6, 6] } as const;

/** What one run of a case does, for the bounds. */
export interface Work {
  /** Transforms of one limb. */
  readonly ntts?: number;
  /** Modular products that are reduced at once, in limbs of N. */
  readonly products?: number;
  /** Products that are only accumulated, in limbs of N. */
  readonly accumulations?: number;
  /** Limbs that must be read or written at least once. */
  readonly limbsMoved: number;
}

export interface KernelCase {
  readonly name: string;
  /** How many units (limbs, or 1 for a call) one run has: results are divided by it. */
  readonly units: number;
  readonly per: 'limb' | 'call';
  /** Limbs in the call. */
  readonly limbs: number;
  /** Where the operands are by nature: one hot limb, many limbs taking turns, or more than the caches hold. */
  readonly residence: Residence;
  readonly work: Work;
  run(): void;
}

export type Residence = 'hot' | 'many' | 'large';

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

/** The operands of every case for one build and ring: about 20 MiB x N / 2^13. Dispose to release them. */
export class KernelBench implements Disposable {
  readonly #slabs: Slab[] = [];
  readonly #kernels: Kernels;
  readonly #ring: Ring;
  readonly #seed: Slab;

  constructor(kernels: Kernels, logN: number) {
    this.#kernels = kernels;
    const primes = takePrimes(50, logN, shape.q + shape.special, new Set()).map(Number);
    this.#ring = new Ring(kernels, logN, primes);
    this.#seed = new Slab(kernels, 4);
    this.#seed.wordsView().fill(1n);
    this.#slabs.push(this.#seed);
  }

  [Symbol.dispose](): void {
    for (const slab of this.#slabs) slab.release();
    this.#ring[Symbol.dispose]();
    this.#kernels.trim();
  }

  /** Random residues, limb j modulo prime basis[j]. */
  #polynomial(basis: readonly number[]): number {
    const slab = new Slab(this.#kernels, basis.length * this.#ring.n);
    this.#slabs.push(slab);
    const stream = 1000 * this.#slabs.length;
    this.#kernels.call(Op.sampleUniform, this.#ring.handle, slab.address(), this.#seed.address(), stream, basis);
    return slab.address();
  }

  /** Operations that treat limbs alone, on one hot limb (`limbs` 1) or on many that take turns. */
  *limbCases(limbs: 1 | typeof shape.q): Generator<KernelCase> {
    const basis = range(0, limbs);
    const [a, b, c, d, e, f, g] = range(0, 7).map(() => this.#polynomial(basis)) as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const { handle } = this.#ring;
    const kernels = this.#kernels;
    const scalars = basis.map((j) => 123456789 + j);
    const seed = this.#seed.address();
    const suffix = limbs === 1 ? '' : '.many';
    const make = (name: string, work: Work, run: () => void): KernelCase => ({
      name: name + suffix,
      units: limbs,
      per: 'limb',
      limbs,
      residence: limbs === 1 ? 'hot' : 'many',
      work: {
        ntts: (work.ntts ?? 0) * limbs,
        products: (work.products ?? 0) * limbs,
        accumulations: (work.accumulations ?? 0) * limbs,
        limbsMoved: work.limbsMoved * limbs,
      },
      run,
    });
    yield make('ntt.forward', { ntts: 1, limbsMoved: 2 }, () => {
      kernels.call(Op.nttForward, handle, a, a, basis);
    });
    yield make('ntt.inverse', { ntts: 1, limbsMoved: 2 }, () => {
      kernels.call(Op.nttInverse, handle, a, a, basis);
    });
    yield make('pointwise.add', { limbsMoved: 3 }, () => {
      kernels.call(Op.add, handle, c, a, b, basis);
    });
    yield make('pointwise.multiply', { products: 1, limbsMoved: 3 }, () => {
      kernels.call(Op.multiply, handle, c, a, b, basis);
    });
    yield make('pointwise.multiplyAccumulate', { products: 1, limbsMoved: 4 }, () => {
      kernels.call(Op.multiplyAccumulate, handle, c, a, b, basis);
    });
    yield make('scalar.multiply', { products: 1, limbsMoved: 2 }, () => {
      kernels.call(Op.multiplyScalar, handle, c, a, basis, scalars);
    });
    yield make('tensor', { products: 2, accumulations: 2, limbsMoved: 7 }, () => {
      kernels.call(Op.tensor, handle, c, d, e, a, b, f, g, basis);
    });
    yield make('automorphism', { limbsMoved: 2 }, () => {
      kernels.call(Op.automorphism, handle, c, a, 5, limbs);
    });
    yield make('sample.uniform', { limbsMoved: 1 }, () => {
      kernels.call(Op.sampleUniform, handle, c, seed, 0, basis);
    });
    yield make('sample.small', { ntts: 1, limbsMoved: 1 }, () => {
      kernels.call(Op.sampleSmall, handle, c, seed, 0, 0, 0, basis);
    });
  }

  /** Calls over a whole ciphertext. */
  *callCases(): Generator<KernelCase> {
    const q = range(0, shape.q);
    const special = range(shape.q, shape.q + shape.special);
    const all = [...q, ...special];
    const digits = shape.digits.length;
    const { handle, n } = this.#ring;
    const kernels = this.#kernels;
    const [a, b, dst0, dst1] = range(0, 4).map(() => this.#polynomial(all)) as [number, number, number, number];
    const make = (name: string, residence: Residence, work: Work, run: () => void): KernelCase => ({
      name,
      units: 1,
      per: 'call',
      limbs: shape.q,
      residence,
      work,
      run,
    });

    const kept = q.slice(0, -1);
    yield make(
      'rescale',
      'many',
      { ntts: q.length, accumulations: 2 * kept.length, products: kept.length, limbsMoved: q.length + kept.length },
      () => {
        kernels.call(Op.divide, handle, kept, q.slice(-1), 1, dst0, a);
      },
    );
    yield make(
      'modDown',
      'many',
      {
        ntts: all.length,
        accumulations: (special.length + 1) * q.length,
        products: q.length,
        limbsMoved: all.length + q.length,
      },
      () => {
        kernels.call(Op.divide, handle, q, special, 1, dst0, a);
      },
    );
    // Digits copy their own limbs and convert the others, each from as many limbs as the digit has.
    const converted = sum(shape.digits.map((size) => all.length - size));
    const conversionSteps = sum(shape.digits.map((size) => (all.length - size) * (size + 1)));
    const extended = this.#polynomial(shape.digits.flatMap(() => all));
    yield make(
      'modUp',
      'large',
      {
        ntts: q.length + converted,
        accumulations: conversionSteps,
        products: q.length,
        limbsMoved: q.length + digits * all.length,
      },
      () => {
        kernels.call(Op.decompose, handle, extended, a, q, special, shape.digits);
      },
    );
    const key = this.#polynomial(shape.digits.flatMap(() => [...all, ...all]));
    yield make(
      'keySwitch.innerProduct',
      'large',
      { accumulations: 2 * digits * all.length, limbsMoved: (3 * digits + 2) * all.length },
      () => {
        kernels.call(Op.innerProduct, handle, dst0, dst1, extended, 0, 5, key, q.length, digits, q, special);
      },
    );
    yield make(
      'keySwitch',
      'large',
      {
        ntts: q.length + converted + 2 * all.length,
        accumulations: conversionSteps + 2 * digits * all.length + 2 * (special.length + 1) * q.length,
        products: q.length + 2 * q.length,
        limbsMoved: q.length + 2 * digits * all.length + 2 * q.length,
      },
      () => {
        kernels.call(Op.keySwitch, handle, dst0, dst1, a, b, 0, 5, key, q.length, 0, q, special, shape.digits);
      },
    );

    const slots = new Slab(kernels, n);
    const wanted = new Slab(kernels, n);
    this.#slabs.push(slots, wanted);
    wanted.realsView().set(Float64Array.from({ length: n }, (_, i) => ((i * 7919) % 2001) / 1000 - 1));
    yield make('encode', 'many', { ntts: q.length, limbsMoved: q.length }, () => {
      slots.realsView().set(wanted.realsView()); // encoding works in place
      kernels.call(Op.encode, handle, dst0, slots.address(), slots.address(n / 2), n / 2, 2 ** 40, q);
    });
    yield make('decode', 'many', { ntts: 2, limbsMoved: 3 }, () => {
      kernels.call(Op.decode, handle, a, slots.address(), slots.address(n / 2), n / 2, 2 ** 40, [0, 1]);
    });
  }
}
