// Polynomials over several primes and the operations on them, by definition. Everything is in NTT form unless a name
// says otherwise, exactly as in the kernels.
import { bitReverse, mod } from './modulus.ts';
import { forward, inverse, type Limb } from './ntt.ts';

/** A polynomial: one limb for each prime of its basis. */
export type Poly = readonly Limb[];

export interface ReferenceRing {
  readonly logN: number;
  readonly n: number;
  readonly primes: readonly bigint[];
}

export function referenceRing(logN: number, primes: readonly bigint[]): ReferenceRing {
  return { logN, n: 2 ** logN, primes };
}

/** The moduli of the primes numbered `indices`. */
export function moduliOf(ring: ReferenceRing, indices: readonly number[]): bigint[] {
  return indices.map((i) => ring.primes[i]!);
}

export function toValues(ring: ReferenceRing, a: Poly, basis: readonly number[]): bigint[][] {
  return a.map((limb, j) => forward(limb, ring.primes[basis[j]!]!, ring.logN));
}

export function toCoefficients(ring: ReferenceRing, a: Poly, basis: readonly number[]): bigint[][] {
  return a.map((limb, j) => inverse(limb, ring.primes[basis[j]!]!, ring.logN));
}

type Binary = (a: bigint, b: bigint) => bigint;

export function pointwise(ring: ReferenceRing, basis: readonly number[], a: Poly, b: Poly, f: Binary): bigint[][] {
  return a.map((limb, j) => limb.map((x, i) => mod(f(x, b[j]![i]!), ring.primes[basis[j]!]!)));
}

export const add: Binary = (a, b) => a + b;
export const subtract: Binary = (a, b) => a - b;
export const multiply: Binary = (a, b) => a * b;

/** a * s, one scalar a limb. */
export function scale(ring: ReferenceRing, basis: readonly number[], a: Poly, scalars: readonly bigint[]): bigint[][] {
  return a.map((limb, j) => limb.map((x) => mod(x * scalars[j]!, ring.primes[basis[j]!]!)));
}

/** X -> X^g on coefficients: coefficient k moves to exponent g k, with X^N = -1. */
export function automorphismOnCoefficients(a: Limb, galois: number, p: bigint): bigint[] {
  const n = a.length;
  const out = new Array<bigint>(n).fill(0n);
  for (let k = 0; k < n; k += 1) {
    const exponent = Number((BigInt(k) * BigInt(galois)) % BigInt(2 * n));
    out[exponent % n] = exponent < n ? a[k]! : mod(-a[k]!, p);
  }
  return out;
}

/** X -> X^g on values: value i is a(psi^e), e = 2 brv(i) + 1, so it becomes the value at psi^(g e). */
export function automorphism(ring: ReferenceRing, a: Poly, galois: number): bigint[][] {
  const { n, logN } = ring;
  const source = Array.from({ length: n }, (_, i) => {
    const exponent = (BigInt(galois) * BigInt(2 * bitReverse(i, logN) + 1)) % BigInt(2 * n);
    return bitReverse((Number(exponent) - 1) / 2, logN);
  });
  return a.map((limb) => source.map((j) => limb[j]!));
}
