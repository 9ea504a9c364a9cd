import { Op, Slab } from '../kernels/index.ts';
import type { Basis } from '../ring/index.ts';
import { type Context, Encoder } from '../scheme/index.ts';
import { type ComplexVector, periodOf } from './diagonals.ts';

/** Periodic diagonals are stored one word a run; shorter runs than a block of eight words are stored in full. */
const minRunBits = 3;

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
  const { kernels, ring } = context;
  const period = periodOf(diagonal);
  const values = { real: diagonal.real.slice(0, period), imag: diagonal.imag.slice(0, period) };
  // A polynomial in X^(N / 2 period) has 2 period different values, in runs of N / (2 period).
  const runBits = Math.log2(ring.n / (2 * period));
  const full = new Slab(kernels, basis.length * ring.n);
  let slab = full;
  try {
    new Encoder(context).encodeTo(full.address(), values.real, values.imag, period, scale, basis);
    if (runBits < minRunBits) return { slab, runBits: 0 };
    slab = new Slab(kernels, basis.length * 2 * period);
    kernels.call(Op.compactPeriodic, ring.handle, slab.address(), full.address(), runBits, basis.length);
    full.release();
    return { slab, runBits };
  } catch (error) {
    for (const held of [full, slab]) held.release();
    throw error;
  }
}
