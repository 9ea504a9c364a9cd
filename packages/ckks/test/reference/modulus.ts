// Arithmetic modulo one prime, by definition, in BigInt. For tests only: slow and obviously right.

export function mod(x: bigint, p: bigint): bigint {
  const r = x % p;
  return r < 0n ? r + p : r;
}

export function powMod(base: bigint, exponent: bigint, p: bigint): bigint {
  let result = 1n % p;
  for (let b = mod(base, p), e = exponent; e > 0n; e >>= 1n, b = (b * b) % p) if (e & 1n) result = (result * b) % p;
  return result;
}

/** Inverse modulo a prime. */
export function inverseMod(a: bigint, p: bigint): bigint {
  return powMod(a, p - 2n, p);
}

/** By trial division up to 2^10, then Fermat's test to twelve prime bases: certain enough to find test moduli. */
export function isPrime(n: bigint): boolean {
  if (n < 2n) return false;
  for (let d = 2n; d < 1024n && d * d <= n; d += 1n) if (n % d === 0n) return false;
  if (n < 1024n * 1024n) return true;
  return [2n, 3n, 5n, 7n, 11n, 13n, 17n, 19n, 23n, 29n, 31n, 37n].every((a) => powMod(a, n - 1n, n) === 1n);
}

/** The `count` largest primes that are 1 modulo 2N and below `limit`, largest first. */
export function primesBelow(limit: bigint, logN: number, count: number): bigint[] {
  const step = 2n << BigInt(logN);
  const primes: bigint[] = [];
  for (let p = ((limit - 2n) / step) * step + 1n; primes.length < count; p -= step) {
    if (p <= 1n) throw new RangeError(`fewer than ${count} primes are 1 modulo ${step} below ${limit}`);
    if (isPrime(p)) primes.push(p);
  }
  return primes;
}

/** The smallest prime that is 1 modulo 2N: the other boundary. */
export function smallestPrime(logN: number): bigint {
  const step = 2n << BigInt(logN);
  let p = step + 1n;
  while (!isPrime(p)) p += step;
  return p;
}

/** The smallest (as a number) x with x^N = -1 modulo p. */
export function smallestPrimitiveRoot(p: bigint, logN: number): bigint {
  const n = 1n << BigInt(logN);
  let root = 0n;
  for (let x = 2n; root === 0n; x += 1n) {
    const candidate = powMod(x, (p - 1n) / (2n * n), p);
    if (powMod(candidate, n, p) === p - 1n) root = candidate;
  }
  let smallest = root;
  const square = (root * root) % p;
  for (let power = root, i = 1n; i < n; i += 1n) {
    power = (power * square) % p;
    if (power < smallest) smallest = power;
  }
  return smallest;
}

export function bitReverse(x: number, bits: number): number {
  let r = 0;
  for (let i = 0; i < bits; i += 1) r |= ((x >> i) & 1) << (bits - 1 - i);
  return r;
}

export function product(values: readonly bigint[]): bigint {
  return values.reduce((a, b) => a * b, 1n);
}

/** The representative of x modulo m in [-m/2, m/2). */
export function centred(x: bigint, m: bigint): bigint {
  const r = mod(x, m);
  return 2n * r >= m ? r - m : r;
}
