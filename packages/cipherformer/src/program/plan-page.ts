import { gib } from '@cipherformer/base';
import type { Parameters } from '@cipherformer/ckks';
import type { Plan, PlanRow } from '@cipherformer/compiler';
import type { ProgramManifest } from '@cipherformer/runtime/server';
import { escapeHtml } from '../page/markup.ts';

const chart = { width: 1080, height: 320, left: 44, right: 12, top: 12, bottom: 28 } as const;

/** A self-contained page: what the program needs, a picture of its levels over predicted time, and its parts. */
export function planPage(
  { model, keys, predicted, digest }: ProgramManifest,
  parameters: Parameters,
  plan: Plan,
): string {
  const facts = [
    `program ${digest.slice(0, 16)}`,
    `N = 2^${parameters.logN}, log2(QP) = ${parameters.logQP.toFixed(0)}, ${parameters.security}`,
    `${predicted.bootstraps} ciphertexts bootstrapped`,
    `keys ${gib(keys.keyBytes)}, memory ${gib(predicted.peakBytes)}`,
    `${plan.total.seconds.toFixed(1)} s of processor time predicted (${plan.machine})`,
  ];
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>${escapeHtml(model.name)}: plan of the encrypted program</title>
<meta name="viewport" content="width=device-width">
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2rem auto; padding: 0 1rem; color: #1d2733; background: #fff }
svg { width: 100%; height: auto } table { border-collapse: collapse; width: 100%; font-size: 13px }
th, td { text-align: right; padding: .15rem .5rem; border-bottom: 1px solid #e3e8ee } th:first-child, td:first-child { text-align: left }
.bootstrap td { background: #fdf1e3 }
@media (prefers-color-scheme: dark) { body { color: #dde4ec; background: #14191f } th, td { border-color: #2c3642 } .bootstrap td { background: #3a2c17 } }
</style>
<h1>${escapeHtml(model.name)}</h1>
<p>${facts.map(escapeHtml).join(' · ')}</p>
<h2>Levels over predicted time</h2>
<p>Every product takes the value a level down; a bootstrap (orange) lifts it up again.</p>
${levelChart(plan)}
<h2>Parts</h2>
<table><tr>${['part', 'level in', 'out', 'ciphertexts', 'rotations', 'products', 'plaintexts', 'bootstraps', 'seconds'].map((name) => `<th>${name}</th>`).join('')}</tr>
${plan.rows.map(tableRow).join('\n')}
</table>
</html>
`;
}

function tableRow(row: PlanRow): string {
  const cells = [
    escapeHtml(row.source), row.levelIn, row.levelOut, row.ciphertexts, row.rotations, row.products, row.plaintexts,
    row.bootstraps, row.seconds.toFixed(2),
  ]; // biome-ignore format: a row
  const kind = row.bootstraps > 0 ? ' class="bootstrap"' : '';
  return `<tr${kind}>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
}

/** Each part as a bar from its start to its end, between the levels of its operands and results. */
function levelChart({ rows, total }: Plan): string {
  const { width, height, left, right, top, bottom } = chart;
  const highest = Math.max(1, ...rows.flatMap(({ levelIn, levelOut }) => [levelIn, levelOut]));
  const x = (seconds: number) => left + ((width - left - right) * seconds) / Math.max(total.seconds, 1e-9);
  const y = (level: number) => height - bottom - ((height - top - bottom) * level) / highest;
  let end = 0;
  const bars = rows.map((row) => {
    const from = x(end);
    end += row.seconds;
    const to = x(end);
    const colour = row.bootstraps > 0 ? '#e8862e' : '#3d6fb6';
    const title = `${row.source}: level ${row.levelIn} to ${row.levelOut}, ${row.seconds.toFixed(2)} s`;
    const points = [[from, y(row.levelIn)], [to, y(row.levelOut)], [to, y(0)], [from, y(0)]]
      .map((pair) => pair.map((value) => value!.toFixed(1)).join(','))
      .join(' '); // biome-ignore format: four corners
    return `<polygon points="${points}" fill="${colour}" fill-opacity=".75"><title>${escapeHtml(title)}</title></polygon>`;
  });
  const lines = Array.from({ length: Math.floor(highest / 3) + 1 }, (_, i) => 3 * i).map(
    (level) =>
      `<line x1="${left}" x2="${width - right}" y1="${y(level)}" y2="${y(level)}" stroke="currentColor" stroke-opacity=".15"/>` +
      `<text x="${left - 8}" y="${y(level) + 4}" text-anchor="end" font-size="12" fill="currentColor">${level}</text>`,
  );
  const seconds = [0, 0.25, 0.5, 0.75, 1].map((part) => part * total.seconds);
  const ticks = seconds.map(
    (value) =>
      `<text x="${x(value)}" y="${height - 8}" text-anchor="middle" font-size="12" fill="currentColor">${value.toFixed(1)} s</text>`,
  );
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Levels over time">${lines.join('')}${bars.join('')}${ticks.join('')}</svg>`;
}
