import { type ConversionRecord, figuresBySplit, type StageRecord, stageName } from '@cipherformer/nn';
import type { Figure, Panel } from '../../page/figure.ts';
import { plotColours } from '../../plots/theme.ts';
import { completeStages, isShare } from '../summary.ts';
import { logLabel } from './axes.ts';

/** A figure as a number a person reads: shares in percent. */
export const shown = (figure: string, value: number): number => (isShare(figure) ? 100 * value : value);
export const unitOf = (figure: string): string =>
  isShare(figure) ? `${figure} (%)` : figure === 'natsPerCharacter' ? 'nats per character' : figure;

/** The figure after every stage, on validation and test data. */
export function stageFigure(record: ConversionRecord): Figure {
  const stages = completeStages(record);
  const { figure } = stages[0]!;
  const values = stages.flatMap((row) =>
    figuresBySplit(row).map(({ split, value }) => ({ stage: stageName(row.name), value: shown(figure, value), split })),
  );
  const splits = ['validation', 'test'];
  const split = stages[0]!.test ? 'test' : 'validation';
  const original = shown(figure, (stages[0]!.test ?? stages[0]!.validation)[figure]!);
  return {
    id: 'stages',
    caption: `The model after every stage. Dashed: the original on ${split} data.`,
    alt: `${unitOf(figure)} after each of ${stages.length} stages: ${values.map((v) => `${v.stage} ${v.split} ${v.value.toPrecision(4)}`).join(', ')}.`,
    columns: 1,
    panelWidth: 640,
    panels: [
      {
        name: '',
        panel: {
          width: 560,
          height: 220,
          layer: [
            {
              data: { values: [{ value: original }] },
              mark: { type: 'rule', strokeDash: [5, 3], color: plotColours.bound, strokeWidth: 1 },
              encoding: { y: { field: 'value', type: 'quantitative' } },
            },
            {
              data: { values },
              mark: { type: 'line', strokeWidth: 1.6, point: { size: 55, filled: true, opacity: 1 } },
              encoding: {
                x: {
                  field: 'stage',
                  type: 'ordinal',
                  sort: null,
                  axis: { title: null, labelAngle: stages.length > 6 ? -35 : 0, labelLimit: 0 },
                },
                y: {
                  field: 'value',
                  type: 'quantitative',
                  scale: { zero: false },
                  axis: { title: unitOf(figure), tickCount: 6 },
                },
                color: {
                  field: 'split',
                  type: 'nominal',
                  scale: { domain: splits, range: [plotColours.reference, plotColours.main] },
                  legend: { symbolType: 'stroke' },
                },
              },
            },
          ],
        },
      },
    ],
  };
}

/** Terms below this are as good as nothing and would only stretch the axis. */
const smallestTerm = 1e-5;

const termColours: Readonly<Record<string, string>> = {
  loss: '#222222',
  task: '#0072b2',
  distillation: '#d55e00',
  features: '#009e73',
  range: '#cc79a7',
  variance: '#e69f00',
};

/** Loss and its terms over the steps of every stage; the parts of a stage follow each other. */
export function curvesFigure(record: ConversionRecord): Figure | undefined {
  const groups = new Map<string, StageRecord[]>();
  for (const row of record.stages) {
    if (row.curve.length === 0) continue;
    const name = stageName(row.name);
    groups.set(name, [...(groups.get(name) ?? []), row]);
  }
  if (groups.size === 0) return undefined;
  const terms = new Set<string>(['loss']);
  const panels = [...groups].map(([name, rows]) => {
    const values = curveValues(rows);
    for (const { term } of values) terms.add(term);
    return { name, panel: curvePanel(name, rows, values) };
  });
  return {
    id: 'curves',
    caption:
      'Training curves, means over 20 steps, on a logarithmic axis: the loss as it is minimised, and its terms before their weights. ' +
      'Thin lines part the normalisations of a stage that freezes them one by one.',
    alt: 'Training loss and its terms over the steps of stage',
    panels,
    columns: 2,
    panelWidth: 340,
    legend: [...terms].map((label) => ({ label, colour: termColours[label] ?? plotColours.reference, mark: 'line' })),
  };
}

interface CurveValue {
  readonly step: number;
  readonly value: number;
  readonly term: string;
}

function curveValues(rows: readonly StageRecord[]): CurveValue[] {
  let start = 0;
  return rows.flatMap(({ curve, steps }) => {
    const from = start;
    start += steps;
    return curve.flatMap(({ step, loss, terms }) =>
      Object.entries({ loss, ...terms })
        .filter(([, value]) => value > smallestTerm)
        .map(([term, value]) => ({ step: from + step, value, term })),
    );
  });
}

function curvePanel(name: string, rows: readonly StageRecord[], values: readonly CurveValue[]): Panel {
  let at = 0;
  const boundaries = rows.slice(0, -1).map(({ steps }) => {
    at += steps;
    return { step: at };
  });
  const x = { field: 'step', type: 'quantitative' as const, axis: { title: 'step', tickCount: 5, grid: false } };
  return {
    width: 290,
    height: 170,
    title: { text: name, fontSize: 12, offset: 4 },
    layer: [
      {
        data: { values: boundaries },
        mark: { type: 'rule', color: '#ececec', strokeWidth: 1.5 },
        encoding: { x },
      },
      {
        data: { values: [...values] },
        mark: { type: 'line', strokeWidth: 1.3 },
        encoding: {
          x,
          y: {
            field: 'value',
            type: 'quantitative',
            scale: { type: 'log' },
            axis: { title: null, tickCount: 3, grid: false, labelExpr: logLabel },
          },
          color: {
            field: 'term',
            type: 'nominal',
            legend: null,
            scale: { domain: Object.keys(termColours), range: Object.values(termColours) },
          },
        },
      },
    ],
  };
}
