import { ParameterError } from '../errors/index.ts';

/** Residues stay below 2^50: 52-bit multiply-add with two bits of head-room, and exact pairs of doubles. */
export const maxPrimeBits = 50;

function powMod(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (let b = base % modulus, e = exponent; e > 0n; e >>= 1n, b = (b * b) % modulus) {
    if (e & 1n) result = (result * b) % modulus;
  }
  return result;
}

// Miller-Rabin to these bases is a proof of primality below 3.3 * 10^24 (Sorenson and Webster 2015).
const witnesses = [2n, 3n, 5n, 7n, 11n, 13n, 17n, 19n, 23n, 29n, 31n, 37n, 41n];

export function isPrime(n: bigint): boolean {
  if (n < 2n) return false;
  for (const w of witnesses) if (n % w === 0n) return n === w;
  let odd = n - 1n;
  let twos = 0;
  for (; odd % 2n === 0n; odd /= 2n) twos += 1;
  return witnesses.every((w) => {
    let x = powMod(w, odd, n);
    if (x === 1n || x === n - 1n) return true;
    for (let i = 1; i < twos; i++) {
      x = (x * x) % n;
      if (x === n - 1n) return true;
    }
    return false;
  });
}

export function inverseMod(a: bigint, p: bigint): bigint {
  return powMod(((a % p) + p) % p, p - 2n, p);
}

/**
 * The `count` primes = 1 (mod 2N) nearest to 2^bits that are not in `taken`, alternating sides where both fit below
 * 2^50, so that products of several stay near powers of two. Adds them to `taken`.
 */
export function takePrimes(bits: number, logN: number, count: number, taken: Set<bigint>): bigint[] {
  if (!Number.isInteger(bits) || bits < logN + 2 || bits > maxPrimeBits) {
    throw new ParameterError(
      `a prime of ${bits} bits does not exist for N = 2^${logN}: choose a whole number from ${logN + 2} to ${maxPrimeBits}`,
    );
  }
  const step = 2n << BigInt(logN);
  const centre = 1n << BigInt(bits);
  const limit = 1n << BigInt(maxPrimeBits);
  const found: bigint[] = [];
  for (let k = 0n; found.length < count; k++) {
    if (k * step > centre / 2n) {
      throw new ParameterError(
        `there are not ${count} unused primes of about ${bits} bits for N = 2^${logN}; use other sizes`,
      );
    }
    for (const candidate of [centre - (k + 1n) * step + 1n, centre + k * step + 1n]) {
      if (found.length < count && candidate < limit && !taken.has(candidate) && isPrime(candidate)) {
        found.push(candidate);
        taken.add(candidate);
      }
    }
  }
  return found;
}
