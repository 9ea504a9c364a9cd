import type { SiteRecord } from '@cipherformer/nn';
import type { Figure, Panel } from '../../page/figure.ts';
import { plotColours } from '../../plots/theme.ts';
import { type SiteChange, siteLabel } from '../summary.ts';
import { logLabel } from './axes.ts';

/** Shares below this are not drawn: on the axis they are the floor. */
const floor = 1e-6;

/** What every site sees before (grey) and after (blue), as densities on a logarithmic axis; the interval dashed. */
export function rangeHistograms(id: string, sites: readonly SiteChange[], what: string): Figure {
  return {
    id,
    caption:
      `${what} on training data: the original model (grey) and the polynomial one (blue), densities on a logarithmic ` +
      'axis so that the tails, which decide the interval, are seen. Dashed: the interval of the polynomial.',
    alt: `Histogram of the ${what.toLowerCase()} before and after conversion:`,
    panels: sites.map((site) => ({ name: siteLabel(site.name), panel: histogram(site) })),
    columns: 4,
    panelWidth: 250,
    legend: [
      { label: 'original', colour: plotColours.reference, mark: 'area' },
      { label: 'polynomial model', colour: plotColours.main, mark: 'area' },
      ...(sites.some(({ after }) => after.polynomial)
        ? [{ label: 'interval of the polynomial', colour: plotColours.error, mark: 'dashed' } as const]
        : []),
    ],
  };
}

function histogram({ name, before, after }: SiteChange): Panel {
  const { polynomial } = after;
  const series = [
    ...(before ? [{ site: before, colour: plotColours.reference }] : []),
    { site: after, colour: plotColours.main },
  ];
  const x = { field: 'x', type: 'quantitative' as const, axis: { title: null, tickCount: 5, grid: false } };
  const y = {
    field: 'y',
    type: 'quantitative' as const,
    scale: { type: 'log' as const, domainMin: floor, clamp: true },
    axis: { title: null, values: [1e-6, 1e-4, 1e-2, 1], labelExpr: logLabel },
  };
  return {
    width: 205,
    height: 110,
    title: { text: siteLabel(name), fontSize: 12, offset: 4 },
    layer: [
      ...series.map(({ site, colour }) => ({
        data: { values: densityPoints(site) },
        mark: {
          type: 'area' as const,
          interpolate: 'step-after' as const,
          color: colour,
          opacity: 0.45,
          line: { color: colour, strokeWidth: 1, opacity: 1 },
        },
        encoding: { x, y, y2: { datum: floor } },
      })),
      ...(polynomial
        ? [
            {
              data: { values: [{ x: polynomial.low }, { x: polynomial.high }] },
              mark: { type: 'rule' as const, color: plotColours.error, strokeDash: [5, 3], strokeWidth: 1.3 },
              encoding: { x },
            },
          ]
        : []),
    ],
  };
}

/** Left edges of the bins with their densities (integral 1), and the right end of the last. */
export function densityPoints({ histogram: { low, high, counts } }: Pick<SiteRecord, 'histogram'>): {
  readonly x: number;
  readonly y: number;
}[] {
  const width = (high - low) / counts.length || 1;
  const total = counts.reduce((a, b) => a + b, 0) || 1;
  const points = counts.map((n, i) => ({ x: low + i * width, y: Math.max(floor, n / (total * width)) }));
  return [...points, { x: low + counts.length * width, y: floor }];
}

/** Values up to here are drawn on a linear axis. */
const widestLinear = 50;

/** From the smallest to the largest value at every site, before and after, with the middle 98 % thick. */
export function rangeExtents(id: string, sites: readonly SiteChange[], what: string, logarithmic = false): Figure {
  const wide = sites.some((site) => [site.before, site.after].some((s) => s && Math.max(-s.min, s.max) > widestLinear));
  const rows = sites.flatMap(({ name, before, after }) =>
    [before, after].flatMap((site, i) =>
      site
        ? [
            {
              site: siteLabel(name),
              state: states[i]!,
              min: site.min,
              max: site.max,
              low: site.quantiles.low2,
              high: site.quantiles.high2,
            },
          ]
        : [],
    ),
  );
  const x = (field: string) => ({
    field,
    type: 'quantitative' as const,
    scale: logarithmic ? { type: 'log' as const } : wide ? { type: 'symlog' as const, constant: 4 } : {},
    axis: { title: what.toLowerCase(), grid: !logarithmic, tickCount: 8 },
  });
  const y = {
    field: 'site',
    type: 'nominal' as const,
    sort: null,
    axis: { title: null, ticks: false, domain: false, labelLimit: 0 },
    scale: { padding: 0.35 },
  };
  const yOffset = { field: 'state', sort: [...states], scale: { paddingInner: 0.3 } };
  const color = { field: 'state', type: 'nominal' as const, scale: { domain: [...states], range: stateColours } };
  return {
    id,
    caption: `${what} at every site on training data: thin from the smallest to the largest value seen, thick the middle 98 %${logarithmic ? ' (logarithmic axis)' : wide ? ' (axis linear near 0, logarithmic beyond)' : ''}.`,
    alt: `${what}, from smallest to largest, at ${sites.length} sites before and after conversion.`,
    columns: 1,
    panelWidth: 640,
    panels: [
      {
        name: '',
        panel: {
          data: { values: rows },
          width: 520,
          height: { step: 9 },
          encoding: { y, yOffset, color },
          layer: [
            { mark: { type: 'rule', strokeWidth: 1.2 }, encoding: { x: x('min'), x2: { field: 'max' } } },
            { mark: { type: 'bar', height: 5, cornerRadius: 2 }, encoding: { x: x('low'), x2: { field: 'high' } } },
          ],
        },
      },
    ],
  };
}

const states = ['original', 'polynomial model'] as const;
const stateColours = [plotColours.reference, plotColours.main];
