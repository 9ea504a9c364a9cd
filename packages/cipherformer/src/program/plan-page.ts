import { gib } from '@cipherformer/base';
import type { Parameters } from '@cipherformer/ckks';
import type { Plan, PlanRow } from '@cipherformer/compiler';
import type { ProgramManifest } from '@cipherformer/runtime/server';
import { html, type Markup, table } from '../page/markup.ts';
import { page } from '../page/page.ts';

const chart = { width: 1080, height: 320, left: 44, right: 12, top: 12, bottom: 28 } as const;
/** As in other figures: what is computed, and bootstraps. */
const colours = { part: '#0072b2', bootstrap: '#d55e00' } as const;

/** A self-contained page: what the program needs, a picture of its levels over predicted time, and its parts. */
export function planPage(
  { model, keys, predicted, digest }: ProgramManifest,
  parameters: Parameters,
  plan: Plan,
): string {
  const facts: readonly (readonly [name: string, value: string | Markup, note: string])[] = [
    ['processor time', `${plan.total.seconds.toFixed(1)} s`, `predicted, ${plan.machine}`],
    ['memory', gib(predicted.peakBytes), 'predicted peak of whoever runs it'],
    ['evaluation keys', gib(keys.keyBytes), 'in memory'],
    ['bootstraps', `${predicted.bootstraps}`, 'ciphertexts'],
    ['ring', `N = 2^${parameters.logN}`, `log2(QP) = ${parameters.logQP.toFixed(0)}, ${parameters.security}`],
    ['program', html`<span class="digest">${digest.slice(0, 12)}</span>`, 'beginning of its SHA-256'],
  ];
  return page(
    `Plan: ${model.name}`,
    html`<p class="lead">What the encrypted program needs, known before any key is made.</p>
<dl class="headline">${facts.map(([name, value, note]) => html`<div><dt>${name}</dt><dd>${value}<small>${note}</small></dd></div>`)}</dl>`,
    html`<h2>Levels over predicted time</h2>
<figure class="wide"><div class="plots" style="--panel: 100%; --panel-width: 76rem"><div class="plot" tabindex="0" role="region" aria-label="Levels over predicted time">${levelChart(plan)}</div></div>
<figcaption>Every product takes the value a level down; a bootstrap (orange) lifts it up again.</figcaption></figure>
<h2>Parts</h2>
${table(
  'Parts of the program, in their order',
  ['part', 'level in', 'out', 'ciphertexts', 'rotations', 'products', 'plaintexts', 'bootstraps', 'seconds'],
  plan.rows.map(cells),
)}`,
  );
} // biome-ignore format: markup

const cells = (row: PlanRow) => [
  row.bootstraps > 0 ? html`<strong>${row.source}</strong>` : row.source, row.levelIn, row.levelOut, row.ciphertexts, row.rotations, row.products, row.plaintexts,
  row.bootstraps, row.seconds.toFixed(2),
]; // biome-ignore format: a row

/** Each part as a bar from its start to its end, between the levels of its operands and results. */
function levelChart({ rows, total }: Plan): Markup {
  const { width, height, left, right, top, bottom } = chart;
  const highest = Math.max(1, ...rows.flatMap(({ levelIn, levelOut }) => [levelIn, levelOut]));
  const x = (seconds: number) => left + ((width - left - right) * seconds) / Math.max(total.seconds, 1e-9);
  const y = (level: number) => height - bottom - ((height - top - bottom) * level) / highest;
  let end = 0;
  const bars = rows.map((row) => {
    const from = x(end);
    end += row.seconds;
    const to = x(end);
    const colour = row.bootstraps > 0 ? colours.bootstrap : colours.part;
    const title = `${row.source}: level ${row.levelIn} to ${row.levelOut}, ${row.seconds.toFixed(2)} s`;
    const points = [[from, y(row.levelIn)], [to, y(row.levelOut)], [to, y(0)], [from, y(0)]]
      .map((pair) => pair.map((value) => value!.toFixed(1)).join(','))
      .join(' '); // biome-ignore format: four corners
    return html`<polygon points="${points}" fill="${colour}" fill-opacity=".75"><title>${title}</title></polygon>`;
  });
  const lines = Array.from({ length: Math.floor(highest / 3) + 1 }, (_, i) => 3 * i).map(
    (level) => html`<line x1="${left}" x2="${width - right}" y1="${y(level)}" y2="${y(level)}" stroke="currentColor" stroke-opacity=".15"/>
<text x="${left - 8}" y="${y(level) + 4}" text-anchor="end" font-size="12" fill="currentColor">${level}</text>`,
  );
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => part * total.seconds).map(
    (value, i) => html`<text x="${x(value)}" y="${height - 8}" text-anchor="${i === 4 ? 'end' : 'middle'}" font-size="12" fill="currentColor">${value.toFixed(1)} s</text>`,
  );
  return html`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Levels over time">${lines}${bars}${ticks}</svg>`;
} // biome-ignore format: markup
