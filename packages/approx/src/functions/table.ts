import { TableError } from '../errors.ts';
import { addJets, constantJet, type IntervalJet, multiplyJets } from '../numeric/interval-jet.ts';
import type { TargetFunction } from './target.ts';

/** One cubic of the interpolant: y0 + s (b + s (c + s d)) with s = x - x0, on [x0, x1]. */
interface Piece {
  readonly x0: number;
  readonly x1: number;
  readonly coefficients: readonly [number, number, number, number];
}

/**
 * A function through given points: the monotone piecewise cubic of Fritsch & Carlson (SIAM J. Numer. Anal. 1980), which
 * does not overshoot; NaN beyond its ends. The points are taken as exact; the error certificate is about this interpolant.
 *
 * @param xs rising, at least two
 * @throws TableError naming the entry that is wrong
 */
export function tableFunction(xs: readonly number[], ys: readonly number[], name = 'table'): TargetFunction {
  if (xs.length !== ys.length)
    throw new TableError(`${name} has ${xs.length} x and ${ys.length} y values: give one y for every x`);
  if (xs.length < 2) throw new TableError(`${name} has ${xs.length} points: give at least 2`);
  xs.forEach((x, i) => {
    if (!Number.isFinite(x) || !Number.isFinite(ys[i]!))
      throw new TableError(`${name}: point ${i + 1} is (${x}, ${ys[i]}): both have to be finite`);
    if (i > 0 && x <= xs[i - 1]!)
      throw new TableError(
        `${name}: x = ${x} at point ${i + 1} does not rise above ${xs[i - 1]}: sort by x, no repeats`,
      );
  });
  const slopes = monotoneSlopes(xs, ys);
  const pieces = xs.slice(1).map((x1, i): Piece => {
    const x0 = xs[i]!;
    const h = x1 - x0;
    const secant = (ys[i + 1]! - ys[i]!) / h;
    const c = (3 * secant - 2 * slopes[i]! - slopes[i + 1]!) / h;
    const d = (slopes[i]! + slopes[i + 1]! - 2 * secant) / (h * h);
    return { x0, x1, coefficients: [ys[i]!, slopes[i]!, c, d] };
  });
  const first = xs[0]!;
  const last = xs[xs.length - 1]!;
  return {
    name,
    value: (x) => {
      if (!(x >= first && x <= last)) return Number.NaN;
      const { x0, coefficients } = pieces[pieceAt(pieces, x)]!;
      const [a, b, c, d] = coefficients;
      const s = x - x0;
      return a + s * (b + s * (c + s * d));
    },
    jet: (x) => tableJet(pieces, x),
    breakpoints: xs.length <= 256 ? xs.slice(1, -1) : [],
    poles: [],
  };
}

/** Harmonic means of neighbouring secants where they agree in sign, 0 where they do not. */
function monotoneSlopes(xs: readonly number[], ys: readonly number[]): number[] {
  const secants = xs.slice(1).map((x, i) => (ys[i + 1]! - ys[i]!) / (x - xs[i]!));
  return xs.map((_, i) => {
    if (i === 0) return secants[0]!;
    if (i === secants.length) return secants[i - 1]!;
    const [before, after] = [secants[i - 1]!, secants[i]!];
    if (before * after <= 0) return 0;
    const left = xs[i]! - xs[i - 1]!;
    const right = xs[i + 1]! - xs[i]!;
    const w1 = 2 * right + left;
    const w2 = right + 2 * left;
    return (w1 + w2) / (w1 / before + w2 / after);
  });
}

function pieceAt(pieces: readonly Piece[], x: number): number {
  let low = 0;
  let high = pieces.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (pieces[middle]!.x0 <= x) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The jet over a box: that of its piece, or the hull of value and slope where several pieces meet (the slope is continuous). */
function tableJet(pieces: readonly Piece[], x: IntervalJet): IntervalJet {
  const first = pieceAt(pieces, Math.max(x.lo[0]!, pieces[0]!.x0));
  const last = pieceAt(pieces, Math.min(x.hi[0]!, pieces[pieces.length - 1]!.x1));
  const hull = pieceJet(pieces[first]!, x);
  if (first === last) return hull;
  for (let i = first + 1; i <= last; i++) {
    const other = pieceJet(pieces[i]!, x);
    for (let k = 0; k < hull.lo.length; k++) {
      hull.lo[k] = k < 2 ? Math.min(hull.lo[k]!, other.lo[k]!) : Number.NaN;
      hull.hi[k] = k < 2 ? Math.max(hull.hi[k]!, other.hi[k]!) : Number.NaN;
    }
  }
  return hull;
}

function pieceJet({ x0, coefficients }: Piece, x: IntervalJet): IntervalJet {
  const order = x.lo.length - 1;
  const s = addJets(x, constantJet(order, -x0));
  return coefficients.reduceRight(
    (sum, c) => addJets(multiplyJets(sum, s), constantJet(order, c)),
    constantJet(order, 0),
  );
}

/**
 * Reads two columns of numbers, x and y, separated by a comma, semicolon, tab or spaces. Empty lines, lines that start
 * with # and one line of headings are passed over. @throws TableError naming the line
 */
export function parseTable(text: string, name: string): { readonly xs: number[]; readonly ys: number[] } {
  const xs: number[] = [];
  const ys: number[] = [];
  let headings = false;
  text.split(/\r?\n/).forEach((line, i) => {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) return;
    const cells = trimmed.split(/\s*[,;\t]\s*|\s+/);
    const numbers = cells.map((cell) => (cell === '' ? Number.NaN : Number(cell)));
    if (xs.length === 0 && !headings && cells.length === 2 && numbers.every(Number.isNaN)) {
      headings = true;
      return;
    }
    if (cells.length !== 2 || !numbers.every(Number.isFinite))
      throw new TableError(
        `${name}, line ${i + 1}: "${trimmed.slice(0, 60).replace(/\p{Cc}/gu, '\ufffd')}" is not two numbers; write for example 0.5, 1.25`,
      );
    xs.push(numbers[0]!);
    ys.push(numbers[1]!);
  });
  if (xs.length === 0) throw new TableError(`${name} holds no line of two numbers`);
  return { xs, ys };
}
