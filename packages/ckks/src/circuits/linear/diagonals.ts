import { modulo } from '@cipherformer/base';
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
    for (const [d, diagonal] of this.diagonals) addProduct({ real, imag }, diagonal, vector, d);
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
        addProduct(into, a, b, d);
      }
    }
    return new DiagonalMatrix(n, product);
  }

  /** rotate(this * rotate(vector, -before), after): as many diagonals. */
  turned(before: number, after: number): DiagonalMatrix {
    const n = this.slots;
    const turn = (values: Float64Array) => values.map((_, i) => values[modulo(i + after, n)]!);
    return new DiagonalMatrix(
      n,
      new Map(
        [...this.diagonals].map(([d, v]) => [
          centred(d + after - before, n),
          { real: turn(v.real), imag: turn(v.imag) },
        ]),
      ),
    );
  }

  /** factor * this */
  scaled(factor: number): DiagonalMatrix {
    return new DiagonalMatrix(
      this.slots,
      new Map(
        [...this.diagonals].map(([d, v]) => [d, { real: multiple(v.real, factor), imag: multiple(v.imag, factor) }]),
      ),
    );
  }
}

/** into += a * rotate(b, d). */
function addProduct(into: ComplexVector, a: ComplexVector, b: ComplexVector, d: number): void {
  const { real, imag } = into;
  const { real: ar, imag: ai } = a;
  const { real: br, imag: bi } = b;
  const n = real.length;
  for (let i = 0; i < n; i++) {
    const j = (i + d + n) & (n - 1);
    real[i]! += ar[i]! * br[j]! - ai[i]! * bi[j]!;
    imag[i]! += ar[i]! * bi[j]! + ai[i]! * br[j]!;
  }
}

/** A loop takes a fifth of what `map` takes. */
function multiple(values: Float64Array, factor: number): Float64Array {
  const result = new Float64Array(values.length);
  for (let i = 0; i < result.length; i++) result[i] = factor * values[i]!;
  return result;
}

/** d modulo n in (-n/2, n/2]. */
export function centred(d: number, n: number): number {
  const r = modulo(d, n);
  return r > n / 2 ? r - n : r;
}

/** The smallest power of two with which the vector repeats, up to rounding. */
export function periodOf({ real, imag }: ComplexVector): number {
  let largest = 0;
  for (let i = 0; i < real.length; i++) largest = Math.max(largest, Math.abs(real[i]!), Math.abs(imag[i]!));
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
