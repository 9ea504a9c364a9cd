// Key switching and the inner loop of linear transforms, as compositions of the definitions below them.
import { decompose, divide } from './basis.ts';
import { mod, product } from './modulus.ts';
import { add, automorphism, moduliOf, multiply, type Poly, pointwise, type ReferenceRing, scale } from './ring.ts';

/** A switching key: [digit][half][key limb], key limbs = the primes of its level, then its special primes. */
export interface ReferenceKey {
  readonly digits: readonly (readonly [Poly, Poly])[];
  /** Primes of the key's level: at least those of the ciphertext. */
  readonly qLimbs: number;
}

/** The limbs of one half of a key that belong to the basis q | special. */
function keyLimbs(key: ReferenceKey, digit: number, half: 0 | 1, q: number, special: number): Poly {
  const limbs = key.digits[digit]![half];
  return [...limbs.slice(0, q), ...limbs.slice(key.qLimbs, key.qLimbs + special)];
}

export interface SwitchBasis {
  readonly q: readonly number[];
  readonly special: readonly number[];
}

function zero(ring: ReferenceRing, limbs: number): bigint[][] {
  return Array.from({ length: limbs }, () => new Array<bigint>(ring.n).fill(0n));
}

/** sum_d digits_d key_d for both halves, over q | special. */
function innerSums(ring: ReferenceRing, basis: SwitchBasis, digits: readonly Poly[], key: ReferenceKey): Poly[] {
  const all = [...basis.q, ...basis.special];
  return ([0, 1] as const).map((half) =>
    digits.reduce<Poly>(
      (sum, digit, d) => {
        const limbs = keyLimbs(key, d, half, basis.q.length, basis.special.length);
        return pointwise(ring, all, sum, pointwise(ring, all, digit, limbs, multiply), add);
      },
      zero(ring, all.length),
    ),
  );
}

/** ((addend, 0) + sum_d digits_d key_d)(X^galois), as two polynomials over q | special. */
export function innerProduct(
  ring: ReferenceRing,
  basis: SwitchBasis,
  digits: readonly Poly[],
  key: ReferenceKey,
  galois: number,
  addend?: Poly,
): Poly[] {
  const all = [...basis.q, ...basis.special];
  const sums = innerSums(ring, basis, digits, key);
  const first = addend ? pointwise(ring, all, sums[0]!, addend, add) : sums[0]!;
  return [automorphism(ring, first, galois), automorphism(ring, sums[1]!, galois)];
}

/** P a over q | special, P the product of the special primes: zero modulo each of those. */
function timesSpecial(ring: ReferenceRing, basis: SwitchBasis, a: Poly): bigint[][] {
  const p = product(moduliOf(ring, basis.special));
  return [
    ...scale(
      ring,
      basis.q,
      a,
      basis.q.map((q) => mod(p, ring.primes[q]!)),
    ),
    ...zero(ring, basis.special.length),
  ];
}

export interface KeySwitchInput {
  readonly src: Poly;
  readonly add: readonly [Poly | undefined, Poly | undefined];
  readonly sizes: readonly number[];
  readonly galois: number;
  readonly alsoDropLast: boolean;
}

/** ((P add0, P add1) + sum_d digit_d(src) key_d) / P, then X -> X^galois; divided by the last prime of q too if asked. */
export function keySwitch(ring: ReferenceRing, basis: SwitchBasis, key: ReferenceKey, input: KeySwitchInput): Poly[] {
  const { q, special } = basis;
  const digits = decompose(ring, input.src, q, special, input.sizes);
  const keep = input.alsoDropLast ? q.slice(0, -1) : q;
  const drop = input.alsoDropLast ? [q.at(-1)!, ...special] : special;
  return innerSums(ring, basis, digits, key).map((sum, half) => {
    const addend = input.add[half];
    const total = addend ? pointwise(ring, [...q, ...special], sum, timesSpecial(ring, basis, addend), add) : sum;
    return automorphism(ring, divide(ring, total, keep, drop), input.galois);
  });
}

export interface ReferenceDiagonal {
  readonly baby: number;
  /** The whole diagonal, over q | special. */
  readonly values: Poly;
}

export interface BabyInput {
  readonly galois: number;
  /** None where galois is 1. */
  readonly key?: ReferenceKey;
}

/** For each giant step: sum over its terms of diagonal * (P ct)(X^g of the baby), two polynomials over q | special. */
export function linearBabySteps(
  ring: ReferenceRing,
  basis: SwitchBasis,
  ciphertext: readonly [Poly, Poly],
  digits: readonly Poly[],
  babySteps: readonly BabyInput[],
  giantSteps: readonly (readonly ReferenceDiagonal[])[],
): Poly[][] {
  const all = [...basis.q, ...basis.special];
  const [c0, c1] = ciphertext.map((c) => timesSpecial(ring, basis, c)) as Poly[] as [Poly, Poly];
  const rotated = babySteps.map((baby) =>
    baby.galois === 1 ? [c0, c1] : innerProduct(ring, basis, digits, baby.key!, baby.galois, c0),
  );
  return giantSteps.map((terms) =>
    [0, 1].map((half) =>
      terms.reduce<Poly>(
        (sum, term) =>
          pointwise(ring, all, sum, pointwise(ring, all, term.values, rotated[term.baby]![half]!, multiply), add),
        zero(ring, all.length),
      ),
    ),
  );
}
