import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomically } from '@cipherformer/model/files';
import {
  type AblationCell,
  type AblationRecipe,
  type AblationRow,
  ablationCsv,
  type Estimate,
  type Measure,
  summarise,
} from '@cipherformer/nn';
import { type Figure, figureHtml, figureSvg } from '../page/figure.ts';
import { count, percent, short, signed } from '../page/format.ts';
import { html, type Markup, type Piece, table } from '../page/markup.ts';
import { page } from '../page/page.ts';
import { plotColours } from '../plots/theme.ts';
import { markdownTable } from '../terminal/markdown.ts';
import { shown, unitOf } from './figures/stages.ts';

/** The figure that the variants of an ablation are compared by, with the original's value. */
interface Compared {
  readonly figure: string;
  readonly original: number;
}

const comparedOf = (rows: readonly AblationRow[]): Compared | undefined =>
  rows.flatMap(({ cells }) => cells).find(({ figures }) => figures)?.figures;

/** Column names and one list of cells a variant, for the terminal and the page alike. */
export function ablationTable(rows: readonly AblationRow[]): {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
} {
  const compared = comparedOf(rows);
  const accuracy = compared?.figure === 'accuracy';
  const figure = compared?.figure ?? 'figure';
  const digits = accuracy ? 2 : 4;
  return {
    head: [
      'axis',
      'variant',
      'seeds',
      `${unitOf(figure)}, test`,
      accuracy ? 'against base (points)' : 'against base',
      'levels',
      'out of range',
      'attention',
      'MLP',
      'variance',
      'stable',
    ],
    rows: rows.map(({ variant, cells, estimates, againstBase, stable, failures, rollbacks }) => {
      const of = (name: Measure, text: (value: number) => string) => (estimates ? within(estimates[name], text) : '–');
      const plain = (name: Measure, text: (value: number) => string) => (estimates ? text(estimates[name].mean) : '–');
      return [
        variant.axis,
        variant.description,
        `${cells.length - failures} of ${cells.length}`,
        of('result', (value) => shown(figure, value).toFixed(digits)),
        againstBase
          ? within(
              againstBase,
              (value) => signed(shown(figure, value), digits),
              (value) => shown(figure, value).toFixed(digits),
            )
          : '–',
        plain('levels', (value) => short(value)),
        plain('outside', (value) => percent(value)),
        plain('attention', reach),
        plain('mlp', reach),
        plain('variance', reach),
        stable ? 'yes' : failures > 0 ? `${failures} failed` : `${rollbacks} rolled back`,
      ];
    }),
  };
}

/** Beyond a million an example's values grow from layer to layer, and how far is chance. */
const reach = (value: number): string => (value > 1e6 ? 'explodes' : short(value));

/** "98.12 ± 0.30": half the width of the 95 % interval. */
function within({ mean, high }: Estimate, text: (value: number) => string, half = text): string {
  return high === undefined ? text(mean) : `${text(mean)} ± ${half(high - mean)}`;
}

/** How the cells were made and what the columns are, in words: a table of short cells has to say that they are short. */
export function ablationNotes(ablation: AblationRecipe, cells: readonly AblationCell[]): string[] {
  const seconds = cells.reduce((sum, { figures }) => sum + (figures?.seconds ?? 0), 0);
  const seeds = [...new Set(cells.map(({ seed }) => seed))];
  const steps = Math.max(0, ...cells.map(({ figures }) => figures?.steps ?? 0));
  const length =
    ablation.trainingShare === 1
      ? 'Cells are whole conversions'
      : `Cells are short: ${short(ablation.trainingShare)} of the epochs of the recipe`;
  const limit = ablation.limit ? `, on the first ${count(ablation.limit)} training examples` : '';
  const over =
    seeds.length < ablation.seeds.length
      ? `the seeds that have run (${seeds.join(', ')} of ${ablation.seeds.join(', ')})`
      : `the seeds (${seeds.join(', ')}) that came to an end`;
  return [
    `${length}${limit}, at most ${count(steps)} steps; compare them with each other, not with the best model.`,
    `Means over ${over}; ± is half the 95 % interval (Student’s t over seeds, so it holds what the seed changes: order and augmentation of the data).`,
    'Against base: mean difference to the base with the same seed. Levels: of all polynomials together. Out of range: share of test examples with a value outside an interval. ' +
      'Attention, MLP, variance: largest |input| of an activation and largest variance on training data (explodes: beyond a million in an example).',
    `Stable: every seed ended without a failure and without a roll-back of training. ${short(seconds / 3600, 2)} h in all.`,
  ];
}

/** The table and its notes for a document, with what failed and why. */
export function ablationMarkdown(ablation: AblationRecipe, cells: readonly AblationCell[]): string {
  const { head, rows } = ablationTable(summarise(ablation, cells));
  const failures = failuresOf(cells).map(({ variant, seed, failure }) => `- ${variant}, seed ${seed}: ${failure}`);
  const parts = [
    `# Ablation: ${ablation.name}`,
    ablation.description,
    markdownTable(head, rows),
    ...ablationNotes(ablation, cells),
    ...(failures.length > 0 ? ['## Failures', failures.join('\n')] : []),
  ];
  return `${parts.filter(Boolean).join('\n\n')}\n`;
}

const failuresOf = (cells: readonly AblationCell[]) => cells.filter(({ failure }) => failure !== undefined);

/** The page: a dot plot with intervals, the table, failures, the recipe. */
export async function ablationPage(ablation: AblationRecipe, cells: readonly AblationCell[]): Promise<string> {
  const rows = summarise(ablation, cells);
  const { head, rows: lines } = ablationTable(rows);
  const figure = ablationFigure(rows);
  const failed = failuresOf(cells);
  const body: Piece[] = [
    figure ? await figureHtml(figure) : undefined,
    table(
      `Variants of ${ablation.name}`,
      head,
      lines.map(([axis, variant, ...numbers]) => [axis, html`<span class="wrap">${variant}</span>`, ...numbers]),
    ),
    failed.length > 0
      ? html`<h2>Failures</h2><ul>${failed.map(
          ({ variant, seed, failure }) => html`<li><strong>${variant}</strong>, seed ${seed}: ${failure}</li>`,
        )}</ul>`
      : undefined,
    html`<h2>Recipe</h2><pre tabindex="0">${JSON.stringify(ablation, null, 2)}</pre>`,
  ];
  const notes: Markup[] = ablationNotes(ablation, cells).map((note) => html`<p class="lead">${note}</p>`);
  return page(
    `Ablation: ${ablation.name}`,
    html`${ablation.description ? html`<p>${ablation.description}</p>` : undefined}${notes}`,
    body,
  );
}

/** The dot plot alone, for a paper; undefined where no cell was converted. */
export async function ablationSvg(rows: readonly AblationRow[]): Promise<string | undefined> {
  const figure = ablationFigure(rows);
  return figure && figureSvg(figure);
}

const labelOf = ({ axis, description }: AblationRow['variant']): string =>
  axis === description ? axis : `${axis}: ${description}`;

function ablationFigure(rows: readonly AblationRow[]): Figure | undefined {
  const compared = comparedOf(rows);
  if (!compared) return undefined;
  const { figure, original } = compared;
  const values = rows.flatMap(({ variant, estimates }) => {
    if (!estimates) return [];
    const { mean, low, high } = estimates.result;
    const value = (v: number) => shown(figure, v);
    return [
      {
        variant: labelOf(variant),
        mean: value(mean),
        low: value(low ?? mean),
        high: value(high ?? mean),
      },
    ];
  });
  const seeds = rows.flatMap(({ variant, cells }) =>
    cells.flatMap(({ figures }) =>
      figures ? [{ variant: labelOf(variant), value: shown(figure, figures.result) }] : [],
    ),
  );
  // Intervals of three seeds are wide: the axis covers what was measured, and intervals are cut at its ends.
  const all = [...seeds.map(({ value }) => value), shown(figure, original)];
  const pad = 0.08 * (Math.max(...all) - Math.min(...all) || 1);
  const domain = [Math.min(...all) - pad, Math.max(...all) + pad];
  const scale = { zero: false, domain, nice: false };
  const x = (field: string) => ({
    field,
    type: 'quantitative' as const,
    scale,
    axis: { title: `${unitOf(figure)}, test`, grid: true },
  });
  const y = {
    field: 'variant',
    type: 'nominal' as const,
    sort: null,
    axis: { title: null, ticks: false, labelLimit: 0, domain: false },
  };
  return {
    id: 'variants',
    caption:
      'Mean over seeds (dot) with its 95 % interval (line, cut where it leaves what was measured), single seeds (small), the original model (dashed).',
    alt: `${unitOf(figure)} on test data: ${values.map(({ variant, mean }) => `${variant} ${short(mean, 4)}`).join(', ')}; original ${short(shown(figure, original), 4)}.`,
    columns: 1,
    panelWidth: 640,
    panels: [
      {
        name: '',
        panel: {
          width: 420,
          height: { step: 20 },
          layer: [
            {
              data: { values: [{ x: shown(figure, original) }] },
              mark: { type: 'rule', strokeDash: [5, 3], color: plotColours.bound },
              encoding: { x: x('x') },
            },
            {
              data: { values },
              mark: { type: 'rule', color: plotColours.main, strokeWidth: 1.8, clip: true },
              encoding: { y, x: x('low'), x2: { field: 'high' } },
            },
            {
              data: { values: seeds },
              mark: { type: 'point', color: plotColours.reference, size: 18, filled: true, opacity: 0.9 },
              encoding: { y, x: x('value') },
            },
            {
              data: { values },
              mark: { type: 'point', filled: true, color: plotColours.main, size: 65, opacity: 1 },
              encoding: { y, x: x('mean') },
            },
          ],
        },
      },
    ],
  };
}

/** Writes the tables of the cells there are: CSV with a line a cell, JSON, a page and its figure. Returns their paths. */
export async function writeAblation(
  ablation: AblationRecipe,
  cells: readonly AblationCell[],
  out: string,
): Promise<string[]> {
  mkdirSync(out, { recursive: true });
  const rows = summarise(ablation, cells);
  const svg = await ablationSvg(rows);
  const texts: Record<string, string> = {
    'cells.csv': ablationCsv(ablation, cells),
    'ablation.json': `${JSON.stringify({ ablation, cells, rows }, null, 1)}\n`,
    'ablation.md': ablationMarkdown(ablation, cells),
    'ablation.html': await ablationPage(ablation, cells),
    ...(svg === undefined ? {} : { 'variants.svg': svg }),
  };
  for (const [name, text] of Object.entries(texts)) writeAtomically(join(out, name), text);
  return Object.keys(texts).map((name) => join(out, name));
}
