// Changes of basis: division by some limbs (rescale, ModDown), digits (ModUp) and the centred lift (ModRaise), each once
// with the kernels' own variant of the arithmetic and once exactly, so that a test can bound the difference.
import { centred, inverseMod, mod, product } from './modulus.ts';
import { forward, inverse } from './ntt.ts';
import { moduliOf, type Poly, type ReferenceRing } from './ring.ts';

/** x_j -> x_j (F/f_j)^-1 mod f_j for each limb of coefficients over the moduli f. */
function residueWeights(coefficients: Poly, f: readonly bigint[]): bigint[][] {
  const whole = product(f);
  return coefficients.map((limb, j) => {
    const weight = inverseMod(mod(whole / f[j]!, f[j]!), f[j]!);
    return limb.map((x) => (x * weight) % f[j]!);
  });
}

/** round(sum_j y_j / f_j) in doubles, in the order of the kernels (ops/basis.hpp, conversionOverflow). */
function overflowCount(y: readonly bigint[], f: readonly bigint[]): bigint {
  let sum = 0.5;
  for (let j = 0; j < f.length; j += 1) sum += Number(y[j]!) * (1 / Number(f[j]!));
  return BigInt(Math.trunc(sum));
}

/** The integers the kernels convert to: sum_j y_j F/f_j - v F, for coefficients [limbs][N] over the moduli f. */
function convertedIntegers(coefficients: Poly, f: readonly bigint[]): bigint[] {
  const whole = product(f);
  const y = residueWeights(coefficients, f);
  return y[0]!.map((_, i) => {
    const column = y.map((limb) => limb[i]!);
    const sum = column.reduce((total, value, j) => total + value * (whole / f[j]!), 0n);
    return sum - overflowCount(column, f) * whole;
  });
}

/** The integers in [-F/2, F/2) with the given residues, by the Chinese remainder theorem. */
export function exactIntegers(coefficients: Poly, f: readonly bigint[]): bigint[] {
  const whole = product(f);
  const cofactors = f.map((m) => (whole / m) * inverseMod(mod(whole / m, m), m));
  return coefficients[0]!.map((_, i) =>
    centred(
      coefficients.reduce((total, limb, j) => total + limb[i]! * cofactors[j]!, 0n),
      whole,
    ),
  );
}

/** Coefficients of round(a / F) over `keep`, a over keep | drop: (a - integers) / F, with the integers given. */
function quotient(
  ring: ReferenceRing,
  a: Poly,
  keep: readonly number[],
  drop: readonly number[],
  integersOf: (coefficients: Poly, f: readonly bigint[]) => bigint[],
): bigint[][] {
  const f = moduliOf(ring, drop);
  const dropped = drop.map((d, j) => inverse(a[keep.length + j]!, ring.primes[d]!, ring.logN));
  const integers = integersOf(dropped, f);
  return keep.map((k, t) => {
    const p = ring.primes[k]!;
    const inverseProduct = inverseMod(mod(product(f), p), p);
    const coefficients = inverse(a[t]!, p, ring.logN);
    return coefficients.map((x, i) => mod((x - integers[i]!) * inverseProduct, p));
  });
}

/** What the kernels compute for round(a / F): rescale, ModDown. NTT form in and out. */
export function divide(ring: ReferenceRing, a: Poly, keep: readonly number[], drop: readonly number[]): bigint[][] {
  const coefficients = quotient(ring, a, keep, drop, convertedIntegers);
  return coefficients.map((limb, t) => forward(limb, ring.primes[keep[t]!]!, ring.logN));
}

/** The same division with exact rounding, coefficients out. */
export function divideExactly(
  ring: ReferenceRing,
  a: Poly,
  keep: readonly number[],
  drop: readonly number[],
): bigint[][] {
  return quotient(ring, a, keep, drop, exactIntegers);
}

/** Limbs [from, to) of each digit, from the digits' sizes. */
export function digitRanges(sizes: readonly number[]): { from: number; to: number }[] {
  let at = 0;
  return sizes.map((size) => {
    const range = { from: at, to: at + size };
    at += size;
    return range;
  });
}

/**
 * The integers that stand for digit d of a: sum_j y_j D/q_j - C over its k limbs, y the weighted residues of a + C and
 * C = floor(k D / 2). They are congruent to the digit modulo D, of mean zero and within (k + 1)/2 D of it.
 */
export function digitIntegers(ring: ReferenceRing, a: Poly, q: readonly number[], from: number, to: number): bigint[] {
  const moduli = moduliOf(ring, q.slice(from, to));
  const whole = product(moduli);
  const centre = (BigInt(moduli.length) * whole) / 2n;
  const coefficients = moduli.map((m, j) => inverse(a[from + j]!, m, ring.logN).map((x) => mod(x + centre, m)));
  const y = residueWeights(coefficients, moduli);
  return y[0]!.map((_, i) => y.reduce((total, limb, j) => total + limb[i]! * (whole / moduli[j]!), -centre));
}

/** Every digit of a (over q) extended to all = q | special: [digit][all]. */
export function decompose(
  ring: ReferenceRing,
  a: Poly,
  q: readonly number[],
  special: readonly number[],
  sizes: readonly number[],
): bigint[][][] {
  return digitRanges(sizes).map(({ from, to }) => {
    const integers = digitIntegers(ring, a, q, from, to);
    return [...q, ...special].map((index) => {
      const p = ring.primes[index]!;
      return forward(
        integers.map((x) => mod(x, p)),
        p,
        ring.logN,
      );
    });
  });
}

/** The centred lift of one limb modulo prime `from` to the primes `to`. */
export function raise(ring: ReferenceRing, a: Poly, from: number, to: readonly number[]): bigint[][] {
  const q = ring.primes[from]!;
  // q is odd, so [-(q-1)/2, (q-1)/2] has no tie.
  const integers = inverse(a[0]!, q, ring.logN).map((x) => (x > q / 2n ? x - q : x));
  return to.map((index) => {
    const p = ring.primes[index]!;
    return forward(
      integers.map((x) => mod(x, p)),
      p,
      ring.logN,
    );
  });
}
