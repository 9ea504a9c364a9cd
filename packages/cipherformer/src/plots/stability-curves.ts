import type { StabilityCell } from '@cipherformer/nn';
import type { TopLevelSpec } from 'vega-lite';
import { renderSvg } from './render.ts';
import { plotTheme } from './theme.ts';

/** Okabe and Ito's colours, told apart without colour vision. */
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#444444'];

export const stabilityMeasures = {
  weight: 'largest weight',
  activation: 'largest activation input',
  variance: 'largest variance',
} as const;

/** Curves over training: a row a measure (logarithmic), a column a depth, a colour a variant. A cross: where it diverged. */
export async function stabilityCurves(title: string, cells: readonly StabilityCell[]): Promise<string> {
  const variants = [...new Set(cells.map(({ variant }) => variant))];
  const measures = Object.keys(stabilityMeasures) as (keyof typeof stabilityMeasures)[];
  const points = cells.flatMap(({ variant, depth, points: all, diverged }) =>
    all.flatMap((point, i) =>
      measures.map((measure) => ({
        ...{ variant, depth: `${depth} layers`, measure: stabilityMeasures[measure], step: point.step },
        ...{ value: point[measure], last: diverged !== undefined && i === all.length - 1 },
      })),
    ),
  );
  const depths = [...new Set(cells.map(({ depth }) => depth))].sort((a, b) => a - b).map((depth) => `${depth} layers`);
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title,
    data: { values: points },
    facet: {
      row: { field: 'measure', type: 'nominal', title: null, sort: Object.values(stabilityMeasures), header: { labelFontSize: 12 } },
      column: { field: 'depth', type: 'nominal', title: null, sort: depths, header: { labelFontSize: 12 } },
    },
    spec: {
      width: 220,
      height: 150,
      encoding: {
        x: { field: 'step', type: 'quantitative', title: 'steps' },
        y: { field: 'value', type: 'quantitative', title: null, scale: { type: 'log' }, axis: { tickCount: 5 } },
        color: { field: 'variant', type: 'nominal', title: null, scale: { domain: variants, range: colours.slice(0, variants.length) } },
      },
      layer: [
        { mark: { type: 'line', strokeWidth: 1.6 } },
        { transform: [{ filter: 'datum.last' }], mark: { type: 'point', shape: 'cross', size: 70, filled: true } },
      ],
    },
    resolve: { scale: { x: 'independent' } },
    // Single marks carry no descriptions: the page says what is seen.
    config: { ...plotTheme, aria: false },
  }; // biome-ignore format: a specification
  return renderSvg(spec);
}
