import { type Approximation, type SearchResult, toJSON } from '@cipherformer/approx';
import pc from 'picocolors';
import { renderTable } from '../terminal/table.ts';

/** An approximation and the front of the search that chose it (empty without one), for a tool. */
export function approximationReport({ best, front }: SearchResult) {
  const summary = (a: Approximation) => ({ method: a.method, description: a.description, cost: a.cost, error: a.certificate.error.bound }); // biome-ignore format: short
  return { approximation: toJSON(best), cost: best.cost, front: front.map(summary) };
}

/** The same for a person. */
export function approximationTables({ best: a, front }: SearchResult): string {
  const { certificate: c, cost } = a;
  const e = (v: number) => v.toExponential(3);
  // Bounds are rounded up: shown smaller than they are they would be wrong.
  const bound = (v: number) => {
    const unit = 10 ** (Math.floor(Math.log10(v)) - 3);
    return v > 0 ? e(Math.ceil(v / unit - 1e-9) * unit) : '0';
  };
  const at = (v: number | null) => (v === null ? 'nowhere' : v.toPrecision(5));
  const where = `${a.functionName} on ${a.domain.map(([lo, hi]) => `[${lo}, ${hi}]`).join(' and ')}`;
  const rows: [string, string][] = [];
  const kind = c.errorKind === 'absolute' ? 'error' : `${c.errorKind} error`;
  const how =
    c.error.method === 'proved'
      ? 'proved between the samples'
      : `from adaptive samples with safety ${c.error.safety}, not a proof`;
  rows.push(
    ['approximation', `${a.method}, ${a.description}`],
    [pc.bold(`largest ${kind}`), pc.bold(`${bound(c.error.bound)}  (${how})`)],
    ['  largest seen', `${e(c.error.measured)} at x = ${c.error.measuredAt.toPrecision(6)}`],
  );
  if (c.optimum !== undefined)
    rows.push(['  best possible', `${e(c.optimum)}, ${c.alternation.length} alternation points`]);
  if (c.errorKind !== 'absolute') rows.push(['largest absolute error', bound(c.absolute.bound)]);
  if (c.density)
    rows.push([
      'mean error over inputs',
      `${e(c.density.rms)} (rms), ${(100 * c.density.outside).toFixed(2)} % of inputs outside`,
    ]);
  rows.push(
    [pc.bold('levels'), pc.bold(`${cost.levels}`)],
    ['ciphertext products', `${cost.ciphertextMultiplications} (${cost.squarings} squarings)`],
    ['plaintext products', `${cost.plaintextMultiplications}`],
    ['conditioning', c.conditioning.toPrecision(3)],
    ['value doubles beyond', `${at(c.growth.left.doublesAt)} and ${at(c.growth.right.doublesAt)}`],
    ['value explodes beyond', `${at(c.growth.left.explodesAt)} and ${at(c.growth.right.explodesAt)}`],
    ['constants rounded to', c.rounding.map((r) => `${r.scaleBits} bits: ${e(r.change)}`).join('   ')],
  );
  for (const note of c.notes) rows.push(['note', note]);
  return `${renderTable(['function', where], rows)}\n${coefficients(a)}${front.length > 0 ? `\n\n${frontTable(a, front)}` : ''}`;
}

/** More than these would push the table off the screen. */
const shownCoefficients = 24;

function coefficients({ polynomial }: Approximation): string {
  if (polynomial === undefined) return 'The program is in the JSON form (--json).';
  const list = polynomial.coefficients.map((v, j) => [j, v] as const).filter(([, v]) => v !== 0);
  const [lo, hi] = polynomial.interval;
  const lines = list.slice(0, shownCoefficients).map(([j, v]) => `  T${String(j).padEnd(4)} ${v < 0 ? '' : ' '}${v}`);
  return `Chebyshev coefficients on [${lo}, ${hi}]${list.length < polynomial.degree ? ' (the others are 0)' : ''}:\n${lines.join('\n')}${list.length > shownCoefficients ? `\n  ... ${list.length - shownCoefficients} more in the JSON form (--json)` : ''}`;
}

function frontTable(best: Approximation, front: readonly Approximation[]): string {
  return renderTable(
    ['levels', 'products', 'error', 'how', ''],
    front.map((a) => [
      a.cost.levels,
      a.cost.ciphertextMultiplications,
      (a.certificate.density?.rms ?? a.certificate.error.bound).toExponential(2),
      `${a.method}, ${a.description}`,
      a === best ? 'chosen' : '',
    ]),
  );
}
