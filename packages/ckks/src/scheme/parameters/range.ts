import { apart, significant } from '@cipherformer/base';
import { OperandError } from '../../errors/index.ts';
import type { Parameters } from './parameters.ts';

// What fits where. Beyond half the modulus of a level on either side of zero values wrap around and are silently
// others, so every operation that knows a number checks it before.

/** Numbers have at least this many bits in front of the binary point, where the level has the primes for them. */
const integerBits = 64;
const fewestPrimes = 3;

/**
 * log2 of the modulus that a number given at this scale has to fit: that of three primes, and of more where the scale
 * leaves fewer than 64 bits of them, as far as there are more.
 * @param primes of the chain, lowest first
 */
export function numberBits(primes: readonly number[], scale: number): number {
  let bits = 0;
  for (const [i, prime] of primes.entries()) {
    if (i >= fewestPrimes && bits >= Math.log2(scale) + integerBits) break;
    bits += Math.log2(prime);
  }
  return bits;
}

/** @throws OperandError unless coefficients of absolute value `size` fit the modulus of `level` */
export function checkRoom(parameters: Parameters, size: number, level: number, what: () => string): void {
  const logQ = parameters.logQ(level);
  if (size < 2 ** (logQ - 1)) return;
  throw new OperandError(
    `${what()} does not fit a modulus of ${logQ.toFixed(1)} bits, level ${level}: scale it down, or work at a higher level`,
  );
}

/** @throws OperandError unless a constant at `scale` fits, see `numberBits` */
export function checkConstant(parameters: Parameters, value: number, scale: number, level: number): void {
  const limit = 2 ** (numberBits(parameters.primes.slice(0, level + 1), scale) - 1) / scale;
  if (Math.abs(value) < limit) return;
  const [, below] = apart(Math.abs(value), limit, significant, 3);
  throw new OperandError(
    `the constant ${value} does not fit: at scale 2^${Math.log2(scale).toFixed(1)} constants of level ${level} stay below ${below}; ` +
      'scale it down, or work at a higher level',
  );
}

/** @throws OperandError unless a value of absolute value 1 at `scale` fits the modulus of `level`, and is not rounded away */
export function checkScale(parameters: Parameters, scale: number, level: number): void {
  if (!(scale > 0)) throw new OperandError(`a scale must be positive and finite, not ${scale}`);
  if (scale < 1) {
    throw new OperandError(
      `a result of scale 2^${Math.log2(scale).toFixed(1)} would have its values rounded away: rescale less often, or multiply at a larger scale first`,
    );
  }
  checkRoom(parameters, scale, level, () => `a result of scale 2^${Math.log2(scale).toFixed(1)}`);
}

/** round(value * scale) as an exact integer, beyond 2^53 too. @throws OperandError where the product is not finite */
export function scaledInteger(value: number, scale: number): bigint {
  if (!Number.isFinite(value * scale)) throw new OperandError(`the constant ${value} is not finite at scale ${scale}`);
  const product = value * scale;
  if (Math.abs(product) < 2 ** 52) return BigInt(Math.round(product));
  return BigInt(product);
}
