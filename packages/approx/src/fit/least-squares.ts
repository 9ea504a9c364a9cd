import { DegreeError, TableError } from '../errors.ts';
import { numberAlgebra } from '../functions/algebra.ts';
import { type Density, type MassPoint, massPoints } from '../functions/density.ts';
import { checkPoles, valueAt } from '../functions/target.ts';
import { type Domain, describeDomain } from '../interval.ts';
import { checkDegree, clenshaw, type Polynomial } from '../polynomial.ts';
import { type FitProblem, makeAnsatz } from './ansatz.ts';

/**
 * Share of the mass that is spread evenly over the domain, so that the polynomial stays tame where no input was seen:
 * with none of it, a degree-31 fit to a narrow density leaves the rest of the interval to extrapolation.
 */
const evenShare = 1e-3;

/**
 * The polynomial of least mean square error sum mass * (weight * (f - p))^2 over an observed input density (the uniform
 * one when none is given). Householder QR in the Chebyshev basis; parity and constraints as in every fit.
 * Cost: O(points * degree^2).
 *
 * @throws TableError when no mass lies in the domain
 */
export function leastSquares(problem: FitProblem, density?: Density): Polynomial {
  checkDegree(problem.degree);
  checkPoles(problem.fn, problem.domain);
  const ansatz = makeAnsatz(problem);
  const maps = ansatz.maps(numberAlgebra);
  const count = ansatz.unknownDegree + 1;
  const points = fittingPoints(problem.domain, density, 8 * (problem.degree + 1));
  const weight = problem.weight ?? (() => 1);
  const rows: number[][] = [];
  const right: number[] = [];
  for (const { x: given, mass } of points) {
    // With a parity the error at -x is that at x, so both halves of the density weigh on one.
    const x = ansatz.parity === 'none' ? given : Math.abs(given);
    const scale = Math.sqrt(mass) * weight(x);
    rows.push(chebyshevRow(maps.u(x), count, scale * maps.factor(x)));
    right.push(scale * (valueAt(problem.fn, x) - maps.base(x)));
  }
  const coefficients = solveLeastSquares(rows, right);
  return ansatz.assemble((x) => maps.base(x) + maps.factor(x) * clenshaw(coefficients, maps.u(x)));
}

/** The observed points with `evenShare` of the mass spread evenly (in angle, as Chebyshev nodes are). */
function fittingPoints(domain: Domain, density: Density | undefined, atLeast: number): MassPoint[] {
  const even = domain.flatMap(([lo, hi]) =>
    Array.from({ length: atLeast }, (_, i) => ({
      x: lo + (hi - lo) * Math.sin((Math.PI * (i + 0.5)) / (2 * atLeast)) ** 2,
      // Dividing by the density of the angle makes the share uniform in x.
      mass: (hi - lo) * Math.sin((Math.PI * (i + 0.5)) / atLeast),
    })),
  );
  const sum = even.reduce((total, { mass }) => total + mass, 0);
  if (density === undefined) return even.map(({ x, mass }) => ({ x, mass: mass / sum }));
  const { points, outside } = massPoints(density, domain, atLeast);
  if (points.length === 0)
    throw new TableError(
      `the density has no mass in ${describeDomain(domain)} (${Math.round(100 * outside)} % lies outside): choose the interval from the data`,
    );
  return [
    ...points.map(({ x, mass }) => ({ x, mass: (1 - evenShare) * mass })),
    ...even.map(({ x, mass }) => ({ x, mass: (evenShare * mass) / sum })),
  ];
}

function chebyshevRow(u: number, count: number, factor: number): number[] {
  const row = new Array<number>(count);
  let before = 1;
  let now = u;
  for (let k = 0; k < count; k++) {
    row[k] = factor * before;
    [before, now] = [now, 2 * u * now - before];
  }
  return row;
}

/** min |A c - b| by Householder reflections, in place. @throws DegreeError when the columns are dependent */
function solveLeastSquares(rows: number[][], right: number[]): number[] {
  const m = rows.length;
  const n = rows[0]!.length;
  let largest = 0;
  for (let k = 0; k < n; k++) {
    let norm = 0;
    for (let i = k; i < m; i++) norm = Math.hypot(norm, rows[i]![k]!);
    largest = Math.max(largest, norm);
    if (m < n || norm <= 1e-14 * largest)
      throw new DegreeError(
        `the points of the density determine only ${k} of ${n} coefficients: lower the degree or give more data`,
      );
    const head = rows[k]![k]!;
    const diagonal = head > 0 ? -norm : norm;
    const v = Float64Array.from({ length: m - k }, (_, i) => rows[k + i]![k]!);
    v[0] = head - diagonal;
    const scale = 1 / (norm * (norm + Math.abs(head)));
    const reflect = (get: (i: number) => number, set: (i: number, value: number) => void) => {
      let dot = 0;
      for (let i = 0; i < v.length; i++) dot += v[i]! * get(k + i);
      for (let i = 0; i < v.length; i++) set(k + i, get(k + i) - scale * dot * v[i]!);
    };
    for (let j = k; j < n; j++)
      reflect(
        (i) => rows[i]![j]!,
        (i, value) => {
          rows[i]![j] = value;
        },
      );
    reflect(
      (i) => right[i]!,
      (i, value) => {
        right[i] = value;
      },
    );
  }
  const c = new Array<number>(n);
  for (let k = n - 1; k >= 0; k--) {
    let sum = right[k]!;
    for (let j = k + 1; j < n; j++) sum -= rows[k]![j]! * c[j]!;
    c[k] = sum / rows[k]![k]!;
  }
  return c;
}
