import { ParameterError } from '../errors/index.ts';
import { type Kernels, Op } from '../kernels/index.ts';

/** Indices into a ring's primes: the basis of a polynomial, one limb each. */
export type Basis = readonly number[];

const net = new FinalizationRegistry<{ kernels: Kernels; handle: number }>(({ kernels, handle }) => {
  kernels.call(Op.ringDestroy, handle);
});

/**
 * Z_q[X]/(X^N + 1) for the primes of one parameter set, with its NTT tables, on one build of the kernels.
 *
 * Polynomials are addresses of [limbs][N] words; limb j is modulo `primes[basis[j]]`. All are in NTT form unless a
 * method says otherwise. Callers own the memory and answer for its size.
 */
export class Ring implements Disposable {
  readonly kernels: Kernels;
  readonly logN: number;
  readonly n: number;
  readonly primes: readonly number[];
  readonly handle: number;
  #disposed = false;

  constructor(kernels: Kernels, logN: number, primes: readonly number[]) {
    this.kernels = kernels;
    this.logN = logN;
    this.n = 2 ** logN;
    this.primes = primes;
    this.handle = kernels.call(Op.ringCreate, logN, primes);
    net.register(this, { kernels, handle: this.handle }, this);
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    net.unregister(this);
    this.kernels.call(Op.ringDestroy, this.handle);
  }

  /** dst = values of the polynomial with coefficients src. */
  forward(dst: number, src: number, basis: Basis): void {
    this.kernels.call(Op.nttForward, this.handle, dst, src, basis);
  }

  inverse(dst: number, src: number, basis: Basis): void {
    this.kernels.call(Op.nttInverse, this.handle, dst, src, basis);
  }

  add(dst: number, a: number, b: number, basis: Basis): void {
    this.kernels.call(Op.add, this.handle, dst, a, b, basis);
  }

  subtract(dst: number, a: number, b: number, basis: Basis): void {
    this.kernels.call(Op.subtract, this.handle, dst, a, b, basis);
  }

  negate(dst: number, a: number, basis: Basis): void {
    this.kernels.call(Op.negate, this.handle, dst, a, basis);
  }

  multiply(dst: number, a: number, b: number, basis: Basis): void {
    this.kernels.call(Op.multiply, this.handle, dst, a, b, basis);
  }

  /** dst += a * b */
  multiplyAccumulate(dst: number, a: number, b: number, basis: Basis): void {
    this.kernels.call(Op.multiplyAccumulate, this.handle, dst, a, b, basis);
  }

  /** dst = a * scalar, for any integer. */
  multiplyScalar(dst: number, a: number, scalar: bigint, basis: Basis): void {
    this.kernels.call(Op.multiplyScalar, this.handle, dst, a, basis, this.residues(scalar, basis));
  }

  /** dst += a * scalar */
  multiplyScalarAccumulate(dst: number, a: number, scalar: bigint, basis: Basis): void {
    this.kernels.call(Op.multiplyScalarAccumulate, this.handle, dst, a, basis, this.residues(scalar, basis));
  }

  /** dst = a + the constant polynomial `scalar` */
  addScalar(dst: number, a: number, scalar: bigint, basis: Basis): void {
    this.kernels.call(Op.addScalar, this.handle, dst, a, basis, this.residues(scalar, basis));
  }

  /** dst = src(X^galois) over `limbs` limbs; dst and src must not overlap. */
  automorphism(dst: number, src: number, galois: number, limbs: number): void {
    this.kernels.call(Op.automorphism, this.handle, dst, src, galois, limbs);
  }

  /** For each pair: dst[keep] = round(src[keep | drop] / product of drop): rescale, ModDown, or both in one. */
  divide(polynomials: readonly { dst: number; src: number }[], keep: Basis, drop: Basis): void {
    const flat = polynomials.flatMap(({ dst, src }) => [dst, src]);
    this.kernels.call(Op.divide, this.handle, keep, drop, polynomials.length, ...flat);
  }

  /** dst[to] = the centred lift of the one-limb polynomial src modulo prime `from`. */
  raise(dst: number, src: number, from: number, to: Basis): void {
    this.kernels.call(Op.raise, this.handle, dst, src, from, to);
  }

  residues(scalar: bigint, basis: Basis): number[] {
    return basis.map((index) => {
      const p = BigInt(this.primes[index]!);
      return Number(((scalar % p) + p) % p);
    });
  }
}

/** The Galois element 5^rotation mod 2N: rotates slots to the left by `rotation` (any integer). */
export function galoisElement(rotation: number, logN: number): number {
  const mask = (1n << BigInt(logN + 1)) - 1n;
  const order = 2 ** (logN - 1);
  let exponent = ((rotation % order) + order) % order;
  let result = 1n;
  for (let base = 5n; exponent > 0; exponent = Math.floor(exponent / 2), base = (base * base) & mask) {
    if (exponent % 2 === 1) result = (result * base) & mask;
  }
  return Number(result);
}

/** The Galois element 2N - 1: conjugates every slot. */
export function conjugationElement(logN: number): number {
  return 2 ** (logN + 1) - 1;
}

/** @throws ParameterError unless X -> X^galois is an automorphism of the ring: a whole odd number from 1 to 2N - 1 */
export function checkGalois(galois: number, logN: number): void {
  const most = 2 ** (logN + 1) - 1;
  if (Number.isInteger(galois) && galois % 2 === 1 && galois >= 1 && galois <= most) return;
  throw new ParameterError(
    `the Galois element galois is ${galois}, which must be a whole odd number from 1 to ${most} at N = 2^${logN}: ` +
      'take it from galoisElement or conjugationElement; keys for any other must not be made, they would give the secret away',
  );
}

/** g^-1 mod 2N. @throws ParameterError unless g is odd, from 1 to 2N - 1 */
export function inverseGalois(galois: number, logN: number): number {
  checkGalois(galois, logN);
  const mask = (1n << BigInt(logN + 1)) - 1n;
  let x = 1n;
  // Newton's iteration doubles the number of right bits.
  for (let bits = 1; bits <= logN + 1; bits *= 2) x = (x * (2n - BigInt(galois) * x)) & mask;
  return Number(x);
}
