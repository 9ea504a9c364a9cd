import type { MetricsLine } from '@cipherformer/nn';
import type { TopLevelSpec } from 'vega-lite';
import { renderSvg } from './render.ts';
import { plotColours, plotTheme } from './theme.ts';

/** Most points drawn of one curve: more only make the file large. */
const pointLimit = 600;

/** The curves of a run: loss (training, and validation where it is of the same kind), the validation figure, the rate. */
export async function trainingCurves(title: string, lines: readonly MetricsLine[]): Promise<string> {
  const every = Math.max(1, Math.ceil(lines.length / pointLimit));
  const points = lines.flatMap((line, i) => [
    ...(i % every === 0 ? [{ epoch: line.epoch, value: line.loss, panel: 'loss', series: 'training' }] : []),
    ...(i % every === 0
      ? [{ epoch: line.epoch, value: line.learningRate, panel: 'learning rate', series: 'schedule' }]
      : []),
    ...Object.entries(line.validation ?? {}).map(([name, value]) => ({
      epoch: line.epoch,
      value,
      panel: name,
      series: 'validation',
    })),
  ]);
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title,
    data: { values: points },
    facet: { field: 'panel', type: 'nominal', header: { title: null }, sort: ['loss'] },
    columns: 2,
    spec: {
      width: 320,
      height: 200,
      mark: { type: 'line' },
      encoding: {
        x: { field: 'epoch', type: 'quantitative' },
        y: { field: 'value', type: 'quantitative', title: null, scale: { zero: false } },
        color: {
          field: 'series',
          type: 'nominal',
          title: null,
          scale: {
            domain: ['training', 'validation', 'schedule'],
            range: [plotColours.main, plotColours.error, plotColours.bound],
          },
        },
      },
    },
    resolve: { scale: { x: 'independent', y: 'independent' } },
    config: plotTheme,
  };
  return renderSvg(spec);
}
