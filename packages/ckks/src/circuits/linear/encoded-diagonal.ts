import { Slab } from '../../kernels/index.ts';
import type { Basis } from '../../ring/index.ts';
import { type Context, Encoder } from '../../scheme/index.ts';
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

/** Words of a limb of a diagonal that repeats after `period` slots. */
export function encodedLength(n: number, period: number): number {
  return n / (2 * period) >= 2 ** minRunBits ? 2 * Math.max(period, minPeriod) : n;
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
  const words = encodedLength(ring.n, real.length);
  const compact = words < ring.n;
  const slab = new Slab(kernels, basis.length * words);
  try {
    new Encoder(context).encodeTo(slab.address(), real, imag, real.length, scale, basis, compact);
    return { slab, runBits: Math.log2(ring.n / words) };
  } catch (error) {
    slab.release();
    throw error;
  }
}
