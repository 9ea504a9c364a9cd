import type { Comparison, ConversionRecord } from '@cipherformer/nn';
import { count, percent, short, signed } from '../page/format.ts';
import { html, type Markup } from '../page/markup.ts';
import { formatSeconds } from '../terminal/progress.ts';
import { gapText, gapUnit, intervalText } from './comparison.ts';
import {
  activationSites,
  completeStages,
  gap,
  largest,
  lastStage,
  type ReportSource,
  siteLabel,
  varianceSites,
} from './summary.ts';

const dataNames = {
  mnist: 'MNIST',
  cifar10: 'CIFAR-10',
  cifar100: 'CIFAR-100',
  pictures: 'pictures by class',
  texts: 'text classification',
  corpus: 'language modelling',
  'self-written': 'own texts',
};

/** What was converted, of what kind, on what. */
export function lead({ record, config }: ReportSource): Markup {
  const { recipe, parameters } = record;
  const model = config
    ? `${config.layers} layers of width ${config.width}, ${config.attention.heads} heads, ${count(parameters)} parameters`
    : `${count(parameters)} parameters`;
  return html`<p class="lead">${recipe.data ? dataNames[recipe.data.kind] : 'data of its own'}; ${model}; recipe ${recipe.name}, seed ${recipe.seed}.</p>
${recipe.description ? html`<p>${recipe.description}</p>` : undefined}`;
}

/** The numbers to look at first. */
export function headline(record: ConversionRecord, comparison?: Comparison): Markup {
  const tiles = [...figureTiles(record, comparison), ...continuedTiles(comparison), ...costTiles(record)];
  return html`<dl class="headline">${tiles.map(
    ({ name, value, note }) =>
      html`<div><dt>${name}</dt><dd>${value}${note ? html`<small>${note}</small>` : undefined}</dd></div>`,
  )}</dl>`;
}

interface Tile {
  readonly name: string;
  readonly value: string;
  readonly note?: string;
}

function figureTiles(record: ConversionRecord, comparison: Comparison | undefined): Tile[] {
  const { original, polynomial, split } = gap(record);
  const { figure } = record.stages[0]!;
  const interval = comparison && intervalText(comparison, comparison.toOriginal);
  if (figure === 'cosine') {
    const { spearman = Number.NaN, topTen = Number.NaN } = lastStage(record).test ?? lastStage(record).validation;
    return [
      { name: `Cosine with the original, ${split}`, value: polynomial.toFixed(4), note: 'mean over texts' },
      { name: 'Spearman', value: spearman.toFixed(4), note: 'of the cosines of all pairs' },
      { name: 'Nearest ten', value: `${(100 * topTen).toFixed(1)} %`, note: 'that are the same' },
    ];
  }
  if (figure === 'agreement' || figure === 'correlation') return agreementTiles(record, polynomial, split);
  if (figure !== 'accuracy') {
    const perToken = (row: ConversionRecord['stages'][number]) => (row.test ?? row.validation).natsPerToken;
    const before = perToken(record.stages[0]!);
    const after = perToken(lastStage(record));
    return [
      {
        name: `Nats per character, ${split}`,
        value: `${original.toFixed(4)} → ${polynomial.toFixed(4)}`,
        note: 'original → polynomial',
      },
      {
        name: 'Gap',
        value: `${signed(polynomial - original, 4)}`,
        note: `nats per character; lower is better${interval ? `; ${interval}` : ''}`,
      },
      ...(before !== undefined && after !== undefined
        ? [
            {
              name: 'Perplexity per token',
              value: `${Math.exp(before).toFixed(2)} → ${Math.exp(after).toFixed(2)}`,
              note: `× ${Math.exp(after - before).toFixed(3)}`,
            },
          ]
        : []),
    ];
  }
  const { paired } = record;
  const points = 100 * (polynomial - original);
  const tiles: Tile[] = [
    {
      name: `Accuracy, ${split}`,
      value: `${percent(original)} → ${percent(polynomial)}`,
      note: 'original → polynomial',
    },
  ];
  tiles.push({ name: 'Gap', value: `${signed(points, 2)} points`, ...(interval && { note: interval }) });
  if (!paired) return tiles;
  return [
    ...tiles,
    {
      name: 'McNemar’s exact p',
      value: short(paired.p, 2),
      note: `${paired.onlyOriginal} right only before, ${paired.onlyPolynomial} only after, of ${count(paired.examples)}`,
    },
  ];
}

/** Of answers that are no single class: how near they are to the original's. */
function agreementTiles(record: ConversionRecord, polynomial: number, split: string): Tile[] {
  const { f1, meanSquaredError } = lastStage(record).test ?? lastStage(record).validation;
  if (f1 !== undefined)
    return [
      { name: `Agreement with the original, ${split}`, value: percent(polynomial), note: 'of all decisions' },
      { name: 'F1', value: f1.toFixed(4), note: 'mean over classes, the original’s as the right ones' },
    ];
  return [
    { name: `Correlation with the original, ${split}`, value: polynomial.toFixed(4), note: 'Pearson’s' },
    { name: 'Mean squared error', value: short(meanSquaredError ?? Number.NaN), note: 'to the original’s numbers' },
  ];
}

/** The gap to the original trained on alike. */
function continuedTiles(comparison: Comparison | undefined): Tile[] {
  if (!comparison?.toContinued) return [];
  const { toContinued } = comparison;
  return [
    {
      name: 'Gap to the original, continued',
      value: `${gapText(comparison, toContinued.mean)} ${gapUnit(comparison)}`,
      note: intervalText(comparison, toContinued),
    },
  ];
}

function costTiles(record: ConversionRecord): Tile[] {
  const tiles: Tile[] = [];
  const ofLayers = (list: readonly (readonly [string, number])[]) =>
    range(list.flatMap(([name, value]) => (name.startsWith('layers.') ? [value] : [])));
  const levels = Object.entries(record.levels);
  if (levels.length > 0) {
    const total = levels.reduce((sum, [, value]) => sum + value, 0);
    // Records of models that were not exported know the levels of the polynomials alone.
    const whole = record.exported?.levels;
    tiles.push(
      whole
        ? {
            name: 'Levels of a layer',
            value: ofLayers(whole.parts.map(({ name, levels: own }) => [name, own])),
            note: `${ofLayers(levels)} of them for polynomials; ${whole.total} in the whole model`,
          }
        : { name: 'Levels of a layer’s polynomials', value: ofLayers(levels), note: `${total} in all layers` },
    );
  }
  const { test } = record.outOfRange;
  if (test.examples > 0) {
    const worst = Object.entries(test.sites).reduce((a, b) => (b[1] > a[1] ? b : a), ['', 0]);
    tiles.push({
      name: 'Test examples out of range',
      value: `${count(test.any)} of ${count(test.examples)}`,
      note: test.any > 0 ? `most at ${siteLabel(worst[0])}: ${worst[1]}` : 'no value left its interval',
    });
  }
  const activations = largest(activationSites(record));
  const variance = largest(varianceSites(record));
  if (activations.after > 0) {
    tiles.push({
      name: 'Largest input of an activation',
      value: `${short(activations.before)} → ${short(activations.after)}`,
      ...(variance.after > 0 ? { note: `largest variance ${short(variance.before)} → ${short(variance.after)}` } : {}),
    });
  }
  const steps = record.stages.reduce((sum, row) => sum + row.steps, 0);
  const rollbacks = record.stages.reduce((sum, row) => sum + row.rollbacks, 0);
  tiles.push({
    name: 'Training',
    value: formatSeconds(record.seconds),
    note: `${count(steps)} steps, ${completeStages(record).length - 1} stages, ${rollbacks} roll-backs; ${record.machine}`,
  });
  return tiles;
}

function range(values: readonly number[]): string {
  const low = Math.min(...values);
  const high = Math.max(...values);
  return low === high ? `${low}` : `${low} to ${high}`;
}
