import { TableError } from '../errors.ts';
import { contains, type Domain } from '../interval.ts';
import { parseTable } from './table.ts';

/** Where the inputs of a function fall: mass per bin between rising edges. Masses need not add up to 1. */
export interface Density {
  readonly edges: readonly number[];
  readonly masses: readonly number[];
}

/** Checks a histogram. @throws TableError naming the entry that is wrong */
export function densityFromHistogram(edges: readonly number[], masses: readonly number[]): Density {
  if (masses.length < 1 || edges.length !== masses.length + 1)
    throw new TableError(
      `a histogram of ${masses.length} bins needs ${masses.length + 1} edges, and got ${edges.length}`,
    );
  edges.forEach((edge, i) => {
    if (!Number.isFinite(edge) || (i > 0 && edge <= edges[i - 1]!))
      throw new TableError(`histogram edge ${i} is ${edge}: edges have to be finite and rising`);
  });
  masses.forEach((mass, i) => {
    if (!Number.isFinite(mass) || mass < 0)
      throw new TableError(`histogram bin ${i} has mass ${mass}: masses have to be finite and not negative`);
  });
  if (!masses.some((mass) => mass > 0)) throw new TableError('every bin of the histogram is empty');
  return { edges: [...edges], masses: [...masses] };
}

/** A histogram of observed inputs, with equal bins from the least to the largest. @throws TableError */
export function densityFromSamples(samples: ArrayLike<number>, bins = 256): Density {
  if (samples.length === 0) throw new TableError('no samples were given for the density');
  let lo = Number.POSITIVE_INFINITY;
  let hi = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < samples.length; i++) {
    const x = samples[i]!;
    if (!Number.isFinite(x)) throw new TableError(`sample ${i} of the density is ${x}: remove it`);
    lo = Math.min(lo, x);
    hi = Math.max(hi, x);
  }
  const width = hi > lo ? (hi - lo) / bins : 2 ** -20 * Math.max(1, Math.abs(lo));
  const count = hi > lo ? bins : 1;
  const masses = new Array<number>(count).fill(0);
  for (let i = 0; i < samples.length; i++) masses[Math.min(count - 1, Math.floor((samples[i]! - lo) / width))]! += 1;
  const edges = Array.from({ length: count + 1 }, (_, i) => (i === count && hi > lo ? hi : lo + i * width));
  return densityFromHistogram(edges, masses);
}

/**
 * Reads observed inputs: one sample a line, or two columns, the middles of equal bins and how many fell into each. Empty lines
 * and lines that start with # are passed over, before two columns a line of headings, too.
 * @param name what messages call it @throws TableError
 */
export function parseDensity(text: string, name: string): Density {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const first = lines.find((line) => /^[-+.\d]/.test(line)) ?? '';
  if (!/[-+.\de]\s*[,;\t ]\s*[-+.\d]/i.test(first))
    return densityFromSamples(lines.filter((line) => line !== '' && !line.startsWith('#')).map(Number));
  const { xs, ys } = parseTable(text, name);
  if (xs.length < 2) throw new TableError(`${name} holds one bin only: give at least two, or samples one a line`);
  const half = (xs[xs.length - 1]! - xs[0]!) / (xs.length - 1) / 2;
  return densityFromHistogram([...xs.map((x) => x - half), xs[xs.length - 1]! + half], ys);
}

/** A point and its share of the whole mass. */
export interface MassPoint {
  readonly x: number;
  readonly mass: number;
}

/** The density as points inside a domain, several per bin so that there are at least `atLeast`; shares add up to 1. */
export function massPoints(
  density: Density,
  domain: Domain,
  atLeast: number,
): { points: MassPoint[]; outside: number } {
  const total = density.masses.reduce((a, b) => a + b, 0);
  const filled = density.masses.filter((m) => m > 0).length;
  const perBin = Math.max(2, Math.ceil(atLeast / filled));
  const points: MassPoint[] = [];
  let inside = 0;
  density.masses.forEach((mass, i) => {
    if (mass === 0) return;
    const lo = density.edges[i]!;
    const width = density.edges[i + 1]! - lo;
    for (let k = 0; k < perBin; k++) {
      const x = lo + (width * (k + 0.5)) / perBin;
      if (!contains(domain, x)) continue;
      const share = mass / perBin / total;
      points.push({ x, mass: share });
      inside += share;
    }
  });
  return { points: points.map(({ x, mass }) => ({ x, mass: mass / inside })), outside: Math.max(0, 1 - inside) };
}
