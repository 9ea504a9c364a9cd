import { checkPowerOfTwo } from '../../errors/checks.ts';
import { OperandError } from '../../errors/index.ts';

/** A complex vector, one entry a slot. */
export interface ComplexVector {
  readonly real: Float64Array;
  readonly imag: Float64Array;
}

/**
 * A square matrix over the slots as its non-zero diagonals: out[i] = sum over d of diagonals[d][i] * in[(i + d) mod n],
 * with d in (-n/2, n/2] (Halevi and Shoup, CRYPTO 2014).
 * @throws OperandError for a number of slots that is no power of two, no diagonals, or one of another length or place
 */
export class DiagonalMatrix {
  readonly slots: number;
  readonly diagonals: ReadonlyMap<number, ComplexVector>;

  constructor(slots: number, diagonals: ReadonlyMap<number, ComplexVector>) {
    checkPowerOfTwo('the slots of a matrix', slots, 2 ** 16, OperandError);
    if (diagonals.size === 0) throw new OperandError('a matrix needs at least one non-zero diagonal');
    for (const [d, { real, imag }] of diagonals) {
      if (real.length !== slots || imag.length !== slots)
        throw new OperandError(`diagonal ${d} has ${real.length} entries, not ${slots}`);
      if (!(Number.isInteger(d) && d > -slots / 2 && d <= slots / 2))
        throw new OperandError(`diagonal ${d} is no whole number in (-${slots / 2}, ${slots / 2}]: see centred()`);
    }
    this.slots = slots;
    this.diagonals = diagonals;
  }

  /** this * vector */
  apply(vector: ComplexVector): ComplexVector {
    const n = this.slots;
    if (vector.real.length !== n || vector.imag.length !== n)
      throw new OperandError(`a matrix over ${n} slots takes a vector of as many, not of ${vector.real.length}`);
    const real = new Float64Array(n);
    const imag = new Float64Array(n);
    for (const [d, diagonal] of this.diagonals) {
      for (let i = 0; i < n; i++) {
        const j = (i + d + n) & (n - 1);
        real[i]! += diagonal.real[i]! * vector.real[j]! - diagonal.imag[i]! * vector.imag[j]!;
        imag[i]! += diagonal.real[i]! * vector.imag[j]! + diagonal.imag[i]! * vector.real[j]!;
      }
    }
    return { real, imag };
  }

  /** this * other: first other, then this. */
  times(other: DiagonalMatrix): DiagonalMatrix {
    const n = this.slots;
    if (other.slots !== n) throw new OperandError(`matrices over ${n} and ${other.slots} slots have no product`);
    const product = new Map<number, ComplexVector>();
    for (const [d, a] of this.diagonals) {
      for (const [e, b] of other.diagonals) {
        const sum = centred(d + e, n);
        let into = product.get(sum);
        if (!into) {
          into = { real: new Float64Array(n), imag: new Float64Array(n) };
          product.set(sum, into);
        }
        for (let i = 0; i < n; i++) {
          const j = (i + d + n) & (n - 1);
          into.real[i]! += a.real[i]! * b.real[j]! - a.imag[i]! * b.imag[j]!;
          into.imag[i]! += a.real[i]! * b.imag[j]! + a.imag[i]! * b.real[j]!;
        }
      }
    }
    return new DiagonalMatrix(n, product);
  }

  /** factor * this */
  scaled(factor: number): DiagonalMatrix {
    return new DiagonalMatrix(
      this.slots,
      new Map(
        [...this.diagonals].map(([d, v]) => [
          d,
          { real: v.real.map((x) => x * factor), imag: v.imag.map((x) => x * factor) },
        ]),
      ),
    );
  }
}

/** d modulo n in (-n/2, n/2]. */
export function centred(d: number, n: number): number {
  const r = ((d % n) + n) % n;
  return r > n / 2 ? r - n : r;
}

/** The smallest power of two with which the vector repeats, up to rounding. */
export function periodOf({ real, imag }: ComplexVector): number {
  let largest = 0;
  for (const part of [real, imag]) for (const x of part) largest = Math.max(largest, Math.abs(x));
  // Matrix products sum in different orders at different places.
  const tolerance = 1e-13 * largest;
  let period = real.length;
  while (period > 1 && repeats(real, period / 2, tolerance) && repeats(imag, period / 2, tolerance)) period /= 2;
  return period;
}

function repeats(values: Float64Array, period: number, tolerance: number): boolean {
  for (let i = period; i < values.length; i++)
    if (!(Math.abs(values[i]! - values[i - period]!) <= tolerance)) return false;
  return true;
}
