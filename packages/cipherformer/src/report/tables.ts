import {
  type ConversionRecord,
  judgeTargets,
  type SiteRecord,
  type StageRecord,
  stageName,
  type TargetVerdict,
} from '@cipherformer/nn';
import { count, percent, short, span } from '../page/format.ts';
import { html, type Markup, type Piece, table } from '../page/markup.ts';
import { formatSeconds } from '../terminal/progress.ts';
import { shown, unitOf } from './figures/stages.ts';
import { activationSites, completeStages, functionAt, isShare, type ReportSource, siteLabel } from './summary.ts';

/** The stages in words, as the recipe describes them. */
export function stageList({ recipe }: ConversionRecord): Markup {
  return html`<ol class="stages">${recipe.stages.map(({ name, description, change, train }) => {
    const what = (description || changeText[change?.kind ?? 'none']).replace(/[^.]$/, '$&.');
    const trained = train ? ` Then ${train.epochs} ${train.epochs === 1 ? 'epoch' : 'epochs'} of training.` : '';
    return html`<li><strong>${name}</strong>: ${what}${trained}</li>`;
  })}</ol>`;
}

const changeText = {
  attention: 'softmax attention becomes a function of each score by itself, times a constant.',
  'batch-norms': 'LayerNorms become BatchNorms.',
  'freeze-norms': 'normalisations divide by a constant.',
  substitute: 'every activation becomes a polynomial.',
  none: 'training alone.',
};

/** One row a stage. Parts of a stage are summed up in its row. The original trained on stands below the original. */
export function stageTable({ record, control }: ReportSource): Markup {
  const complete = completeStages(record);
  const { figure } = complete[0]!;
  const hasLoss = complete.some(({ validation }) => validation.loss !== undefined);
  const figures = ({ validation, test }: StageRecord): Piece[] => [
    figureCell(figure, validation),
    figureCell(figure, test),
    ...(hasLoss ? [lossCell(validation), lossCell(test)] : []),
  ];
  const rows = complete.map((row): Piece[] => {
    const parts = record.stages.filter(({ name }) => stageName(name) === stageName(row.name));
    const sum = (of: (row: StageRecord) => number) => parts.reduce((total, part) => total + of(part), 0);
    return [
      stageName(row.name),
      html`<span class="wrap">${parts.length > 1 ? `${parts.length} normalisations, one by one` : row.change}</span>`,
      ...figures(row),
      count(sum(({ steps }) => steps)),
      formatSeconds(sum(({ seconds }) => seconds)),
      sum(({ rollbacks }) => rollbacks),
    ];
  });
  if (control) {
    const sum = (of: (row: StageRecord) => number) => control.stages.reduce((total, row) => total + of(row), 0);
    rows.splice(1, 0, [
      'original, continued',
      html`<span class="wrap">the same training without any change</span>`,
      ...figures(control.stages.at(-1)!),
      count(sum(({ steps }) => steps)),
      formatSeconds(control.seconds),
      sum(({ rollbacks }) => rollbacks),
    ]);
  }
  const unit = unitOf(figure);
  const { validation, test } = complete.at(-1)!;
  // Accuracies hide single outputs that explode; the mean loss does not.
  const exploded =
    test?.loss !== undefined && test.loss > 3 * validation.loss!
      ? html`<p class="alert">The loss on test data is ${short(test.loss / validation.loss!, 2)} times that on validation data:
the outputs of a few examples explode. See the values outside their interval.</p>`
      : undefined;
  const rowsTable = table(
    `The model after every stage: ${unit}`,
    [
      'stage',
      'change',
      'validation',
      'test',
      ...(hasLoss ? ['loss, validation', 'loss, test'] : []),
      'steps',
      'time',
      'roll-backs',
    ],
    rows,
  );
  return html`${rowsTable}${exploded}`;
}

type Figures = Readonly<Record<string, number>> | undefined;

const figureCell = (figure: string, values: Figures): string =>
  values?.[figure] === undefined ? '–' : shown(figure, values[figure]!).toFixed(isShare(figure) ? 2 : 4);

const lossCell = (values: Figures): string => (values?.loss === undefined ? '–' : values.loss.toFixed(4));

/** What range minimisation reached, against what cheap polynomials need. */
export function targetTable(record: ConversionRecord): Markup {
  const what: Readonly<Record<TargetVerdict['target'], string>> = {
    attention: 'inputs of attention activations but for 1 in 10,000 at either end',
    mlp: 'inputs of MLP activations but for 1 in 10,000 at either end',
    varianceRatio: 'variances at a LayerNorm that stays, largest over smallest, alike',
    outsidePerThousand: 'test examples out of range, of 1,000',
  };
  return table(
    'Targets: the worst site after the last stage',
    ['target', 'at most', 'original', 'reached', 'where', 'met'],
    judgeTargets(record).map(({ target, limit, before, measured, site, met }) => [
      what[target],
      limit,
      before === undefined ? '–' : short(before),
      short(measured),
      site === undefined ? '–' : siteLabel(site),
      met ? 'yes' : html`<strong>no</strong>`,
    ]),
  );
}

/** How many unseen examples have a value outside an interval. */
export function outsideText({ outOfRange }: ConversionRecord): Markup | undefined {
  const { validation, test } = outOfRange;
  const names = Object.keys(test.sites);
  if (names.length === 0) return undefined;
  const sentence = (set: typeof test, what: string) =>
    set.examples > 0
      ? `${count(set.any)} of ${count(set.examples)} ${what} examples (${percent(set.any / set.examples)})`
      : '';
  const affected = names.filter((name) => (test.sites[name] ?? 0) > 0 || (validation.sites[name] ?? 0) > 0);
  const text = html`<p>With any value outside the interval of its polynomial: ${sentence(test, 'test')}, ${sentence(validation, 'validation')}.
Nothing is clamped at inference, so such a value is where a polynomial may leave its function.</p>`;
  if (affected.length === 0) return text;
  return html`${text}${table(
    'Examples with a value outside, by site',
    ['site', 'validation', 'test', 'share of test examples'],
    affected.map((name) => [
      siteLabel(name),
      validation.sites[name] ?? 0,
      test.sites[name] ?? 0,
      percent((test.sites[name] ?? 0) / test.examples),
    ]),
  )}`;
}

/** What becomes of inputs unlike any that were trained on, where that was measured. */
export function robustnessText({ robustness }: ConversionRecord): Markup | undefined {
  if (!robustness) return undefined;
  const { examples, outside, agree, largestLogit, originalLargestLogit, forms } = robustness;
  const answered = examples - outside;
  return html`<p>Of ${count(examples)} inputs made unlike any training example, ${count(outside)} leave an interval; of the ${count(answered)} others
${count(agree)} get the original's answer. Their largest logit is ${short(largestLogit)}, the original's ${short(originalLargestLogit)}.</p>${table(
    'Inputs unlike any training example',
    ['made by', 'inputs', 'outside an interval'],
    Object.entries(forms).map(([form, found]) => [form, found.examples, found.outside]),
  )}`;
}

/** Everything about every site in one row. */
export function siteTable(source: ReportSource): Markup | undefined {
  const sites = activationSites(source.record);
  if (sites.length === 0) return undefined;
  const outside = source.record.outOfRange.test.sites;
  const fits = fitErrors(source.record);
  const quantiles = (site: SiteRecord | undefined) => (site ? span(site.quantiles.low4, site.quantiles.high4) : '–');
  const range = (site: SiteRecord | undefined) => (site ? span(site.min, site.max) : '–');
  return table(
    'Sites: ranges and 0.01 % to 99.99 % quantiles on training data, polynomials, errors of their fit before fine-tuning',
    [
      'site',
      'function',
      'range before',
      'range after',
      'quantiles before',
      'quantiles after',
      'interval',
      'degree',
      'levels',
      'largest error',
      'rms error',
      'test examples outside',
    ],
    sites.map(({ name, before, after }) => {
      const { polynomial } = after;
      const fit = fits.get(name);
      return [
        siteLabel(name),
        functionAt(source, after) ?? '–',
        range(before),
        range(after),
        quantiles(before),
        quantiles(after),
        polynomial ? span(polynomial.low, polynomial.high) : '–',
        polynomial?.degree ?? '–',
        polynomial?.levels ?? '–',
        fit?.largestError === undefined ? '–' : short(fit.largestError, 2),
        fit?.meanError === undefined ? '–' : short(fit.meanError, 2),
        outside[name] ?? '–',
      ];
    }),
  );
}

/** The errors of each site's fit are kept by the stage that substituted it. */
function fitErrors(record: ConversionRecord): ReadonlyMap<string, { largestError?: number; meanError?: number }> {
  return new Map(
    record.stages.flatMap(({ sites }) =>
      sites.flatMap(({ name, polynomial }) => (polynomial?.largestError === undefined ? [] : [[name, polynomial]])),
    ),
  );
}
