import { existsSync, mkdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ConfigError } from '@cipherformer/model';
import { readJson, writeAtomically } from '@cipherformer/model/files';
import {
  type Comparison,
  type ConversionRecord,
  checkComparable,
  loadModel,
  type MeasuredConversion,
} from '@cipherformer/nn';
import { type Figure, figureHtml, figureSvg } from '../page/figure.ts';
import { html, type Markup } from '../page/markup.ts';
import { page } from '../page/page.ts';
import { comparisonLines, sourceComparison } from './comparison.ts';
import { frontFigure, levelsFigure } from './figures/levels.ts';
import { polynomialFigure } from './figures/polynomials.ts';
import { rangeExtents, rangeHistograms } from './figures/ranges.ts';
import { curvesFigure, stageFigure } from './figures/stages.ts';
import { headline, lead } from './headline.ts';
import { parseRecord } from './record-schema.ts';
import { activationSites, type ReportSource, varianceSites } from './summary.ts';
import { outsideText, robustnessText, siteTable, stageList, stageTable, targetTable } from './tables.ts';

/** A part of the page: an anchor, a title, and what stands under it. */
interface Section {
  readonly id: string;
  readonly title: string;
  readonly content: readonly (Markup | Figure | undefined)[];
}

/** Where the control of a conversion lies in its folder. */
export const controlFolder = 'control';

const recordFile = 'conversion.json';

/** Whether a folder holds a finished conversion, or a finished control. */
export const isFinished = (folder: string): boolean => existsSync(join(folder, recordFile));

/** Writes the report of a conversion as one HTML page that needs nothing else. */
export async function writeConversionReport(source: ReportSource, path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  writeAtomically(path, await conversionReport(source));
}

/**
 * What the report of a conversion's folder (or of a model's folder that keeps its conversion.json) is made from.
 * @throws ConfigError when the folder holds no finished conversion
 */
export function readReportSource(folder: string): ReportSource {
  const file = join(folder, recordFile);
  if (!isFinished(folder)) {
    throw new ConfigError(
      `${folder} holds no conversion.json: give the folder of a finished conversion, or finish it with cipherformer convert.`,
    );
  }
  const record = readRecord<ConversionRecord>(file);
  if (record.control) {
    throw new ConfigError(`${folder} holds a control: give the folder of the conversion, whose page shows it.`);
  }
  const model = ['trained', 'model']
    .map((name) => join(folder, name))
    .find((path) => existsSync(join(path, 'config.json')));
  return {
    record,
    ...(model ? { config: loadModel(model).config } : {}),
    ...controlOf(folder, record),
  };
}

/** The control beside a conversion, or why it cannot be set beside it. */
function controlOf(folder: string, record: ConversionRecord): Pick<ReportSource, 'control' | 'unfitControl'> {
  const path = join(folder, controlFolder);
  if (!isFinished(path)) return {};
  const control = readRecord<MeasuredConversion>(join(path, recordFile));
  try {
    if (record.outcomes) checkComparable(record, [control]);
    return { control };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return {
      unfitControl: `${path} was left out: ${error.message} Where the recipe has grown, give the convert command with --control again, or without it if the control is the newer.`,
    };
  }
}

/** The record of a conversion or a control: its folder, or the file itself. @throws ConfigError where there is none */
export function readRecordAt(path: string): MeasuredConversion {
  if (isFinished(path)) return readRecord(join(path, recordFile));
  if (existsSync(path) && statSync(path).isFile()) return readRecord(path);
  throw new ConfigError(`${path} is neither a record nor the folder of a finished conversion or control.`);
}

/** A record of this version's format. @throws ConfigError when it is of another, or none; DataError for no JSON */
export function readRecord<Kind extends MeasuredConversion>(file: string): Kind {
  return parseRecord<Kind>(readJson(file), file);
}

/** What a person calls the model at a path: the weights of a training run are in its folder `model`, an adapter is a file. */
function modelName(path: string): string {
  const name = basename(path, '.json');
  return name === 'model' ? basename(dirname(path)) : name;
}

/** The page as text. Cost: about a second for twenty sites. */
export async function conversionReport(source: ReportSource): Promise<string> {
  const { record } = source;
  const title = `${modelName(record.name)} in polynomial form`;
  const comparison = sourceComparison(source);
  const sections = sectionsOf(source, comparison);
  const body: Markup[] = [];
  for (const { id, title: name, content } of sections) {
    const parts: Markup[] = [];
    for (const part of content) {
      if (part) parts.push('panels' in part ? await figureHtml(part) : part);
    }
    body.push(html`<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${name}</h2>
${parts}
</section>\n`);
  }
  return page(
    title,
    html`${lead(source)}
${headline(record, comparison)}
<nav aria-label="Sections"><ul>${sections.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`)}</ul></nav>`,
    body,
  );
}

/** Every figure as an SVG document by itself, by name. */
export async function reportFigures(source: ReportSource): Promise<ReadonlyMap<string, string>> {
  const figures = sectionsOf(source).flatMap(({ content }) => content.filter((part) => part && 'panels' in part));
  const files = new Map<string, string>();
  for (const figure of figures as readonly Figure[]) files.set(figure.id, await figureSvg(figure));
  return files;
}

/** The gaps to both originals, where single examples were kept. */
function comparisonText(comparison: Comparison | undefined): Markup | undefined {
  return comparison && html`<ul>${comparisonLines(comparison).map((line) => html`<li>${line}</li>`)}</ul>`;
}

function sectionsOf(source: ReportSource, comparison?: Comparison): Section[] {
  const { record } = source;
  const activations = activationSites(record);
  const of = (kind: string) => activations.filter(({ after }) => after.kind === kind);
  const histograms = (id: string, kind: string, what: string) => {
    const sites = of(kind);
    return sites.length > 0 ? [html`<h3>${what}</h3>`, rangeHistograms(id, sites, what)] : [];
  };
  const variances = varianceSites(record);
  return [
    {
      id: 'progress',
      title: 'Stages',
      content: [
        stageList(record),
        stageFigure(record),
        stageTable(source),
        comparisonText(comparison),
        source.unfitControl ? html`<p class="alert">${source.unfitControl}</p>` : undefined,
      ],
    },
    {
      id: 'extents',
      title: 'Ranges before and after',
      content: [
        targetTable(record),
        rangeExtents('ranges', activations, 'Inputs of activations'),
        ...histograms('histograms-attention', 'attention-activation', 'Attention scores'),
        ...histograms('histograms-mlp', 'mlp-activation', 'Inputs of the MLP activations'),
        ...histograms('histograms-head', 'head-activation', 'Inputs of the head’s activation'),
        ...(variances.length > 0
          ? [html`<h3>Variances at normalisations</h3>`, rangeExtents('variances', variances, 'Variances', true)]
          : []),
      ],
    },
    { id: 'functions', title: 'Polynomials', content: [polynomialFigure(source)] },
    { id: 'depth', title: 'Levels', content: [levelsFigure(record), frontFigure(record)] },
    { id: 'outside', title: 'Values outside their interval', content: [outsideText(record), robustnessText(record)] },
    { id: 'sites', title: 'Sites', content: [siteTable(source)] },
    { id: 'training', title: 'Training', content: [curvesFigure(record)] },
    {
      id: 'recipe',
      title: 'Recipe',
      content: [
        html`<p>With it, the model and the data, <code>cipherformer convert</code> makes this conversion again.</p>
<pre tabindex="0">${JSON.stringify(record.recipe, null, 2)}</pre>`,
      ],
    },
  ].filter(({ content }) => content.some((part) => part !== undefined));
}
