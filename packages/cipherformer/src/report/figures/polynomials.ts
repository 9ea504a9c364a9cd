import { Polynomial, toTarget } from '@cipherformer/approx';
import type { PolynomialRecord } from '@cipherformer/nn';
import type { Figure, Panel } from '../../page/figure.ts';
import { plotColours } from '../../plots/theme.ts';
import { activationSites, functionAt, type ReportSource, type SiteChange, siteLabel } from '../summary.ts';
import { densityPoints } from './ranges.ts';

type Curve = (x: number) => number;
const samples = 160;
/** Drawn on either side of the interval, as a share of its width: outside a polynomial soon goes its own way. */
const beyond = 0.06;

/** Every polynomial against its function over the density of what it is applied to, and the difference below. */
export function polynomialFigure(source: ReportSource): Figure | undefined {
  const sites = activationSites(source.record).filter(({ after }) => after.polynomial);
  if (sites.length === 0) return undefined;
  const known = sites.some(({ after }) => functionAt(source, after));
  return {
    id: 'polynomials',
    caption:
      `The polynomials as they are after the last training (blue)${known ? ', the functions they replaced (grey),' : ''} and the density of their ` +
      'inputs (shaded, square root so that tails show); dashed, the interval.' +
      (known ? ' Below, polynomial − function: fine-tuning may leave the function where that lowers the loss.' : ''),
    alt: 'Polynomial against the function it replaced, with the density of its inputs:',
    panels: sites.map((site) => ({ name: siteLabel(site.name), panel: panelOf(site, functionAt(source, site.after)) })),
    columns: 4,
    panelWidth: 250,
    legend: [
      ...(known ? [{ label: 'function', colour: plotColours.reference, mark: 'line' } as const] : []),
      { label: 'polynomial', colour: plotColours.main, mark: 'line' },
      { label: 'density of the inputs', colour: plotColours.main, mark: 'area' },
      { label: 'interval', colour: plotColours.error, mark: 'dashed' },
    ],
  };
}

/** The function by the name it has in a model's configuration. */
export function activationFunction(name: string): Curve {
  return toTarget(name === 'quick_gelu' ? 'x/(1+exp(-1.702*x))' : name.replace('_', '-')).value;
}

export const polynomialCurve = ({ coefficients, low, high }: PolynomialRecord): Curve => {
  const polynomial = new Polynomial(coefficients, [low, high]);
  return (x) => polynomial.evaluate(x);
};

function panelOf({ name, after }: SiteChange, functionName: string | undefined): Panel {
  const part = after.polynomial!;
  const { low, high } = part;
  const margin = beyond * (high - low);
  const ends: [number, number] = [low - margin, high + margin];
  const p = polynomialCurve(part);
  const f = functionName === undefined ? undefined : activationFunction(functionName);
  const xs = Array.from({ length: samples + 1 }, (_, i) => ends[0] + ((ends[1] - ends[0]) * i) / samples);
  const inside = xs.filter((x) => x >= low && x <= high);
  const values = (list: readonly number[], curve: Curve) => list.map((x) => ({ x, y: curve(x) }));
  const axis = { title: null, tickCount: 5, grid: false };
  // Where the error stands below, its axis serves both.
  const topAxis = f ? { ...axis, labels: false } : axis;
  const x = { field: 'x', type: 'quantitative' as const, scale: { domain: ends, nice: false, clamp: true } };
  const y = (tickCount: number) => ({
    field: 'y',
    type: 'quantitative' as const,
    axis: { title: null, tickCount, grid: true },
  });
  const interval = {
    data: { values: [{ x: low }, { x: high }] },
    mark: { type: 'rule' as const, color: plotColours.error, strokeDash: [5, 3], strokeWidth: 1.2 },
    encoding: { x: { ...x, axis: topAxis } },
  };
  const density = {
    data: { values: densityPoints(after).map((point) => ({ x: point.x, y: Math.sqrt(point.y) })) },
    mark: { type: 'area' as const, interpolate: 'step-after' as const, color: plotColours.main, opacity: 0.16 },
    encoding: { x: { ...x, axis: topAxis }, y: { field: 'y', type: 'quantitative' as const, axis: null } },
  };
  const line = (list: readonly number[], curve: Curve, color: string, strokeWidth: number) => ({
    data: { values: values(list, curve) },
    mark: { type: 'line' as const, color, strokeWidth, clip: true },
    encoding: { x: { ...x, axis: topAxis }, y: y(4) },
  });
  const curves = {
    layer: [...(f ? [line(xs, f, plotColours.reference, 4)] : []), line(xs, p, plotColours.main, 1.8)],
  };
  const top = {
    width: 205,
    height: 120,
    title: { text: siteLabel(name), subtitle: `degree ${part.degree}`, fontSize: 12, subtitleFontSize: 11, offset: 4 },
    layer: [density, curves, interval],
    resolve: { scale: { y: 'independent' as const } },
  };
  if (!f) return top;
  return {
    spacing: 8,
    bounds: 'flush',
    vconcat: [
      top,
      {
        width: 205,
        height: 42,
        layer: [
          {
            data: { values: values(inside, (at) => p(at) - f(at)) },
            mark: { type: 'line', color: plotColours.error, strokeWidth: 1.3 },
            encoding: { x: { ...x, axis }, y: y(3) },
          },
        ],
      },
    ],
  };
}
