// The negacyclic number-theoretic transform: value i of a polynomial a is a(psi^(2 brv(i) + 1)), psi the smallest
// primitive 2N-th root of unity. Once by that definition, once as the textbook O(N log N) recursion on even and odd
// coefficients; the first checks the second.
import { bitReverse, inverseMod, mod, powMod, smallestPrimitiveRoot } from './modulus.ts';

/** One limb: N residues. */
export type Limb = readonly bigint[];

const roots = new Map<string, bigint>();

export function primitiveRoot(p: bigint, logN: number): bigint {
  const key = `${p}/${logN}`;
  let psi = roots.get(key);
  if (psi === undefined) {
    psi = smallestPrimitiveRoot(p, logN);
    roots.set(key, psi);
  }
  return psi;
}

/** Values by the definition: N^2 products. */
export function forwardByDefinition(a: Limb, p: bigint, logN: number): bigint[] {
  const psi = primitiveRoot(p, logN);
  return a.map((_, i) => {
    const x = powMod(psi, BigInt(2 * bitReverse(i, logN) + 1), p);
    let sum = 0n;
    for (let k = a.length - 1; k >= 0; k -= 1) sum = (sum * x + a[k]!) % p;
    return sum;
  });
}

/** a(psi), a(psi w), a(psi w^2), ... with w = psi^2, in natural order. */
function evaluate(a: Limb, psi: bigint, p: bigint): bigint[] {
  if (a.length === 1) return [a[0]!];
  const square = (psi * psi) % p;
  const even = evaluate(
    a.filter((_, i) => i % 2 === 0),
    square,
    p,
  );
  const odd = evaluate(
    a.filter((_, i) => i % 2 === 1),
    square,
    p,
  );
  const values = new Array<bigint>(a.length);
  const half = a.length / 2;
  let x = psi;
  for (let i = 0; i < half; i += 1) {
    const t = (x * odd[i]!) % p;
    values[i] = (even[i]! + t) % p;
    values[i + half] = (even[i]! + p - t) % p; // x^N = -1, so the point half way round is the negative of this one
    x = (x * square) % p;
  }
  return values;
}

export function forward(a: Limb, p: bigint, logN: number): bigint[] {
  const natural = evaluate(a, primitiveRoot(p, logN), p);
  return natural.map((_, i) => natural[bitReverse(i, logN)]!);
}

/** The inverse: sum_i v_i x_i^-k / N, as an evaluation at the inverse points. */
export function inverse(values: Limb, p: bigint, logN: number): bigint[] {
  // a_k = psi^-k / N * sum_j natural[j] (psi^-2)^(jk): a cyclic transform of the values, then a twist.
  const natural = values.map((_, j) => values[bitReverse(j, logN)]!);
  const psiInverse = inverseMod(primitiveRoot(p, logN), p);
  const sums = cyclic(natural, (psiInverse * psiInverse) % p, p);
  let scale = inverseMod(BigInt(values.length), p);
  return sums.map((sum) => {
    const coefficient = mod(sum * scale, p);
    scale = (scale * psiInverse) % p;
    return coefficient;
  });
}

/** sum_j a_j w^(jk) for every k, w a primitive root of unity of order a.length. */
function cyclic(a: Limb, w: bigint, p: bigint): bigint[] {
  if (a.length === 1) return [a[0]!];
  const square = (w * w) % p;
  const even = cyclic(
    a.filter((_, i) => i % 2 === 0),
    square,
    p,
  );
  const odd = cyclic(
    a.filter((_, i) => i % 2 === 1),
    square,
    p,
  );
  const values = new Array<bigint>(a.length);
  const half = a.length / 2;
  let x = 1n;
  for (let i = 0; i < half; i += 1) {
    const t = (x * odd[i]!) % p;
    values[i] = (even[i]! + t) % p;
    values[i + half] = (even[i]! + p - t) % p;
    x = (x * w) % p;
  }
  return values;
}

/** The product in Z_p[X]/(X^N + 1), schoolbook. */
export function negacyclicProduct(a: Limb, b: Limb, p: bigint): bigint[] {
  const n = a.length;
  const c = new Array<bigint>(n).fill(0n);
  for (let i = 0; i < n; i += 1) {
    for (let j = 0; j < n; j += 1) {
      const term = a[i]! * b[j]!;
      const at = (i + j) % n;
      c[at] = mod(i + j < n ? c[at]! + term : c[at]! - term, p);
    }
  }
  return c;
}
