/** a modulo n, in [0, n). */
export function modulo(a: number, n: number): number {
  return ((a % n) + n) % n;
}

/** The smallest power of two that is at least `value`; 1 below that. */
export function nextPowerOfTwo(value: number): number {
  let power = 1;
  while (power < value) power *= 2;
  return power;
}

/** Of whole numbers from 1. */
export function isPowerOfTwo(value: number): boolean {
  return value >= 1 && Number.isInteger(Math.log2(value));
}
