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

/** Encodes diagonals in the basis, one word a run of equal values where it repeats often enough. */
export function encodeDiagonals(
  context: Context,
  diagonals: Iterable<ComplexVector>,
  scale: number,
  basis: Basis,
): EncodedDiagonal[] {
  const periods = function* () {
    for (const diagonal of diagonals) {
      const period = periodOf(diagonal);
      yield { real: diagonal.real.subarray(0, period), imag: diagonal.imag.subarray(0, period), scale };
    }
  };
  return encodePeriods(context, periods(), basis);
}

/** The values of a diagonal up to its period, a power of two, and the scale to encode them at. */
export interface DiagonalPeriod {
  readonly real: Float64Array;
  readonly imag: Float64Array | undefined;
  readonly scale: number;
}

/** The same for values that are known to repeat after `real.length`: as many are asked for and encoded at a time as there are threads. */
export function encodePeriods(context: Context, periods: Iterable<DiagonalPeriod>, basis: Basis): EncodedDiagonal[] {
  const { kernels, ring } = context;
  const encoder = new Encoder(context);
  const encoded: EncodedDiagonal[] = [];
  try {
    let waiting: (DiagonalPeriod & { readonly dst: number })[] = [];
    const encode = () => {
      const length = waiting[0]?.real.length ?? 0;
      if (length > 0) encoder.encodeManyTo(waiting, length, basis, encodedLength(ring.n, length) < ring.n);
      waiting = [];
    };
    for (const given of periods) {
      const period = atLeastMinimal(given);
      const { length } = period.real;
      if (waiting.length === kernels.threads || (waiting[0] && waiting[0].real.length !== length)) encode();
      // A polynomial in X^(N / 2 period) has 2 period different values, in runs of N / (2 period).
      const words = encodedLength(ring.n, length);
      const slab = new Slab(kernels, basis.length * words);
      encoded.push({ slab, runBits: Math.log2(ring.n / words) });
      waiting.push({ ...period, dst: slab.address() });
    }
    encode();
    return encoded;
  } catch (error) {
    for (const { slab } of encoded) slab.release();
    throw error;
  }
}

/** Repeated until it is long enough for the smallest transform. */
function atLeastMinimal(period: DiagonalPeriod): DiagonalPeriod {
  const { real, imag, scale } = period;
  if (real.length >= minPeriod) return period;
  const often = (values: Float64Array) =>
    Float64Array.from({ length: minPeriod }, (_, i) => values[i % values.length]!);
  return { real: often(real), imag: imag && often(imag), scale };
}
