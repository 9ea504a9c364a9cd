import { type Approximation, evaluate, type TargetFunction } from '@cipherformer/approx';
import type { TopLevelSpec } from 'vega-lite';
import { superscript } from './superscript.ts';
import { plotColours, plotTheme } from './theme.ts';

const width = 560;

interface Point {
  readonly x: number;
  readonly y: number;
  readonly part: number;
}

type LayerSpec = Extract<TopLevelSpec, { layer: unknown }>['layer'][number];

/**
 * Two panels over one x axis: the function under its approximation, and the error with its alternation points between
 * the lines of the certified bound. The error is of the kind the fit minimised.
 */
export function approximationPlot(a: Approximation, fn: TargetFunction, weight?: (x: number) => number): TopLevelSpec {
  const { certificate, domain } = a;
  const errorOf = (x: number) => {
    const difference = evaluate(a, x) - fn.value(x);
    if (certificate.errorKind === 'relative') return difference / Math.abs(fn.value(x));
    return certificate.errorKind === 'weighted' && weight ? weight(x) * difference : difference;
  };
  const logarithmic = domain.length === 1 && domain[0]![0] > 0 && domain[0]![1] / domain[0]![0] > 100;
  const xs = domain.map((part) => positions(part, logarithmic, pointCount(a)));
  const curve = (f: (x: number) => number): Point[] =>
    xs.flatMap((list, part) => list.map((x) => ({ x, y: f(x), part })));
  const series = (kind: string, f: (x: number) => number) => curve(f).map((point) => ({ ...point, kind }));
  const names = [a.functionName, `${a.method}, ${a.description}`];
  const colours = [plotColours.reference, plotColours.main];
  const bound = certificate.error.bound;
  // The error axis counts in powers of ten, named in its title, so that its labels stay short.
  const exponent = Math.floor(Math.log10(bound));
  const unitSize = 10 ** exponent;
  const limit = bound / unitSize;
  const ends: [number, number] = [domain[0]![0], domain[domain.length - 1]![1]];
  const x = {
    field: 'x',
    type: 'quantitative' as const,
    scale: { type: logarithmic ? ('log' as const) : ('linear' as const), nice: false, domain: ends },
  };
  const alternation: LayerSpec[] =
    certificate.alternation.length === 0
      ? []
      : [
          {
            data: { values: certificate.alternation.map((p) => ({ x: p.x, y: p.error / unitSize })) },
            mark: {
              type: 'point',
              filled: true,
              color: '#ffffff',
              stroke: plotColours.error,
              strokeWidth: certificate.alternation.length > 40 ? 0.9 : 1.3,
              size: certificate.alternation.length > 40 ? 9 : 26,
              opacity: 1,
            },
            encoding: { x, y: { field: 'y', type: 'quantitative' } },
          },
        ];
  const unit = certificate.errorKind === 'absolute' ? 'error' : `${certificate.errorKind} error`;
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    config: plotTheme,
    title: {
      text: `${a.functionName} on ${domain.map(([lo, hi]) => `[${lo}, ${hi}]`).join(' ∪ ')}`,
      subtitle: `${unit} ≤ ${short(bound)} (${certificate.error.method}), ${a.cost.levels} levels, ${a.cost.ciphertextMultiplications} ciphertext products`,
    },
    spacing: 18,
    // By the panels alone: hidden labels of a logarithmic axis would otherwise take up room.
    bounds: 'flush',
    vconcat: [
      {
        width,
        height: 230,
        layer: [
          {
            data: { values: series(names[0]!, (v) => fn.value(v)) },
            mark: { type: 'line', strokeWidth: 5, strokeCap: 'round', opacity: 0.75 },
            encoding: { detail: { field: 'part' } },
          },
          {
            data: { values: series(names[1]!, (v) => evaluate(a, v)) },
            mark: { type: 'line', strokeWidth: 1.8 },
            encoding: { detail: { field: 'part' } },
          },
        ],
        encoding: {
          x: { ...x, axis: { title: null, labels: false, ticks: false, grid: true } },
          y: { field: 'y', type: 'quantitative', axis: { title: 'value', tickCount: 6 } },
          color: { field: 'kind', type: 'nominal', scale: { domain: names, range: colours } },
        },
      },
      {
        width,
        height: 150,
        layer: [
          {
            data: { values: [{ low: -limit, high: limit }] },
            mark: { type: 'rect', color: plotColours.error, opacity: 0.07 },
            encoding: { y: { field: 'low', type: 'quantitative' }, y2: { field: 'high' } },
          },
          {
            data: { values: [{ y: -limit }, { y: limit }] },
            mark: { type: 'rule', strokeDash: [5, 3], color: plotColours.bound, strokeWidth: 1 },
            encoding: { y: { field: 'y', type: 'quantitative' } },
          },
          {
            data: { values: curve((v) => errorOf(v) / unitSize) },
            mark: { type: 'line', color: plotColours.error, strokeWidth: 1.3 },
            encoding: {
              x: { ...x, axis: { title: 'x', grid: true } },
              y: {
                field: 'y',
                type: 'quantitative',
                scale: { domain: [-1.15 * limit, 1.15 * limit], nice: false },
                axis: { title: `${unit} (× 10${superscript(exponent)})`, tickCount: 5 },
              },
              detail: { field: 'part' },
            },
          },
          ...alternation,
        ],
      },
    ],
    resolve: { scale: { x: 'shared' } },
  };
}

/** Points of a curve: denser at the ends, where polynomials turn fastest, and even in the logarithm where the axis is. */
function positions([lo, hi]: readonly [number, number], logarithmic: boolean, count: number): number[] {
  const xs = Array.from({ length: count + 1 }, (_, i) => lo + (hi - lo) * Math.sin((Math.PI * i) / (2 * count)) ** 2);
  if (logarithmic) for (let i = 0; i <= count; i++) xs.push(lo * (hi / lo) ** (i / count));
  return xs.map((x) => Math.min(hi, Math.max(lo, x))).sort((a, b) => a - b);
}

/** At least eight points an oscillation, for compositions as far as a drawing can show them. */
function pointCount({ program }: Approximation): number {
  const degree = program.steps.reduce((product, step) => {
    if (step.op === 'affine') return product;
    return product * (step.op === 'polynomial' ? Math.max(1, step.coefficients.length - 1) : 2);
  }, 1);
  return Math.min(6000, Math.max(800, 8 * degree));
}

/** A bound in three digits, rounded up: a bound that is shown smaller than it is would be wrong. */
function short(value: number): string {
  const exponent = Math.floor(Math.log10(value));
  return `${(Math.ceil(value / 10 ** (exponent - 2) - 1e-9) / 100).toFixed(2)} × 10${superscript(exponent)}`;
}
