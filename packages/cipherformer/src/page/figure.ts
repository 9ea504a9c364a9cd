import type { TopLevelSpec } from 'vega-lite';
import { renderSvg } from '../plots/render.ts';
import { plotTheme } from '../plots/theme.ts';
import { html, Markup } from './markup.ts';

/** One panel of a figure, as Vega-Lite draws it. */
export type Panel = Extract<TopLevelSpec, { concat: unknown }>['concat'][number];

export interface LegendEntry {
  readonly label: string;
  readonly colour: string;
  /** A line, dashed or not, or a filled area. */
  readonly mark: 'line' | 'dashed' | 'area';
}

/** A figure of a report: panels drawn one by one on the page (so that they flow) and together in a file of their own. */
export interface Figure {
  /** Letters, digits and hyphens: its anchor and its file name. */
  readonly id: string;
  readonly caption: string;
  /** What it shows, for who cannot see it. */
  readonly alt: string;
  readonly panels: readonly { readonly name: string; readonly panel: Panel }[];
  /** In a file of its own. */
  readonly columns: number;
  /** Narrowest width of a panel on the page, in pixels. */
  readonly panelWidth: number;
  readonly legend?: readonly LegendEntry[];
}

/** Panels up to this width fit a phone. */
const widest = 360;
/** How much wider wider ones are drawn on a page than in a file: a desk has the room. */
const onPage = 1.25;

/** Panels carry no descriptions of single marks: the figure's is enough, and they would fill the page. */
const config = { ...plotTheme, background: 'transparent', aria: false, padding: 4 };

const specOf = (panels: readonly Panel[], columns: number, background: string): TopLevelSpec => ({
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  concat: [...panels],
  columns,
  spacing: 28,
  bounds: 'full',
  resolve: { scale: { x: 'independent', y: 'independent' } },
  config: { ...config, background },
});

/** The figure on a page: legend, panels, caption. */
export async function figureHtml(figure: Figure): Promise<Markup> {
  const wide = figure.panelWidth > widest;
  const plots: Markup[] = [];
  for (const { name, panel } of figure.panels) {
    const drawn =
      wide && 'width' in panel && typeof panel.width === 'number' ? { ...panel, width: onPage * panel.width } : panel;
    const svg = new Markup(bare(await renderSvg(specOf([drawn], 1, 'transparent'))));
    // One that may be scrolled can be reached by the keyboard.
    const reach = wide ? new Markup('tabindex="0"') : undefined;
    plots.push(html`<div class="plot" role="img" ${reach} aria-label="${`${figure.alt} ${name}`.trim()}">${svg}</div>`);
  }
  const legend =
    figure.legend &&
    html`<ul class="legend">${figure.legend.map((entry) => html`<li>${swatch(entry)}${entry.label}</li>`)}</ul>`;
  const pixels = wide ? onPage * figure.panelWidth : figure.panelWidth;
  const width = new Markup(`style="--panel: min(100%, ${pixels}px); --panel-width: ${pixels}px"`);
  return html`<figure id="${figure.id}" class="${wide ? 'wide' : 'multiples'}">${legend}<div class="plots" ${width}>${plots}</div>
<figcaption>${figure.caption}</figcaption></figure>`;
}

/** The figure as one SVG document on white, for a paper; its legend belongs into the caption there. */
export async function figureSvg({ panels, columns, alt }: Figure): Promise<string> {
  const spec = specOf(
    panels.map(({ panel }) => panel),
    columns,
    '#ffffff',
  );
  return titled(await renderSvg(spec), alt);
}

/** A drawing of Vega as a document of its own, `alt` for who cannot see it. */
export function titled(svg: string, alt: string): string {
  return bare(svg)
    .replace(/^<svg [^>]*/, (start) => `${start} role="img"`)
    .replace('>', () => `>${html`<title>${alt}</title>`}`);
}

/** Vega calls its groups objects even where they have no descriptions; one text tells what all of it shows. */
const bare = (svg: string) => svg.replaceAll(/ (?:role|aria-[a-z]+)="[^"]*"/g, '');

function swatch({ colour, mark }: LegendEntry): Markup {
  const shape =
    mark === 'area'
      ? html`<rect width="22" height="10" y="1" fill="${colour}" opacity="0.45"/>`
      : html`<line x1="0" y1="6" x2="22" y2="6" stroke="${colour}" stroke-width="2.5" ${mark === 'dashed' ? new Markup('stroke-dasharray="5 3"') : undefined}/>`;
  return html`<svg width="22" height="12" aria-hidden="true">${shape}</svg>`;
}
