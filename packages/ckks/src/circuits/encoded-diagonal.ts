import { Slab } from '../kernels/index.ts';
import type { Basis } from '../ring/index.ts';
import { type Context, Encoder } from '../scheme/index.ts';
import { type ComplexVector, periodOf } from './diagonals.ts';

/** Periodic diagonals are stored one word a run; shorter runs than a block of eight words are stored in full. */
const minRunBits = 3;
/** The smallest transform has 16 values. */
const minPeriod = 8;

/** A diagonal as the kernel of linear transforms reads it: [limbs][N >> runBits]. */
export interface EncodedDiagonal {
  readonly slab: Slab;
  readonly runBits: number;
}

/** Encodes one diagonal in the basis, one word a run of equal values where it repeats often enough. */
export function encodeDiagonal(
  context: Context,
  diagonal: ComplexVector,
  scale: number,
  basis: Basis,
): EncodedDiagonal {
  const period = periodOf(diagonal);
  return encodePeriod(context, diagonal.real.subarray(0, period), diagonal.imag.subarray(0, period), scale, basis);
}

/** The same for values that are known to repeat after `real.length`, a power of two. */
export function encodePeriod(
  context: Context,
  real: Float64Array,
  imag: Float64Array | undefined,
  scale: number,
  basis: Basis,
): EncodedDiagonal {
  const { kernels, ring } = context;
  if (real.length < minPeriod) {
    const often = (values: Float64Array) =>
      Float64Array.from({ length: minPeriod }, (_, i) => values[i % values.length]!);
    return encodePeriod(context, often(real), imag && often(imag), scale, basis);
  }
  // A polynomial in X^(N / 2 period) has 2 period different values, in runs of N / (2 period).
  const runBits = Math.log2(ring.n / (2 * real.length));
  const compact = runBits >= minRunBits;
  const slab = new Slab(kernels, basis.length * (compact ? 2 * real.length : ring.n));
  try {
    new Encoder(context).encodeTo(slab.address(), real, imag, real.length, scale, basis, compact);
    return { slab, runBits: compact ? runBits : 0 };
  } catch (error) {
    slab.release();
    throw error;
  }
}
