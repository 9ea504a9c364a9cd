import { gib } from '@cipherformer/base';
import { best, median } from '../measure/statistics.ts';
import { percent } from '../page/format.ts';
import { html, type Markup, table } from '../page/markup.ts';
import { page } from '../page/page.ts';
import { formatSeconds } from '../terminal/progress.ts';
import type { DemoImage, DemoResult } from './result.ts';
import { pixelsOf, testImages } from './samples.ts';

const side = 28;
const seconds = (value: number) => `${value.toFixed(1)} s`;

/** The demo's report: what was asked, what the server could see, and the three answers beside each other. */
export function demoPage(result: DemoResult): string {
  const { images, missing, original, polynomial, program, conversion } = result;
  const agree = images.filter(({ agrees }) => agrees).length;
  const worst = Math.max(...images.map(({ difference }) => difference));
  const facts: [string, string, string][] = [
    ['encrypted answers that agree', `${agree} of ${images.length}`, 'with the polynomial model in clear'],
    ['largest difference', worst.toExponential(1), 'of a logit, at unit spread'],
    ['one encrypted answer', seconds(median(images.map(({ encrypted }) => encrypted.coldSeconds))), 'cold: keys read, run, result written'],
    ['the same, warm', seconds(median(images.map(({ encrypted }) => encrypted.warmSeconds))), `${seconds(median(images.map(({ encrypted }) => encrypted.cpuSeconds)))} of processor time`],
    ['keys for the server', gib(result.evaluationBytes), `made in ${formatSeconds(result.keygenSeconds)}`],
    ['memory', gib(Math.max(...images.map(({ encrypted }) => encrypted.peakRssBytes))), 'peak of the server process'],
  ]; // biome-ignore format: one fact a line
  return page(
    'A transformer that cannot see its input',
    html`<p class="lead">Handwritten digits, encrypted by their owner, went through a vision transformer of 6 layers. The process
that ran it held evaluation keys only. CKKS with N = 2^${program.logN}, log2(QP) = ${program.logQP.toFixed(0)}, 128-bit
security; ${program.bootstraps} bootstraps.</p>
<dl class="headline">${facts.map(([name, value, note]) => html`<div><dt>${name}</dt><dd>${value}<small>${note}</small></dd></div>`)}</dl>`,
    html`<h2>The answers</h2>
${images.map(answer)}
<h2>The model</h2>
${table(
  'Accuracy on the sample of test images',
  ['model', 'right', 'of'],
  [
    ...(original ? [['original (softmax, LayerNorm, GELU)', percent(original.accuracy, 1), original.images]] : []),
    ['polynomial (additions and multiplications)', percent(polynomial.accuracy, 1), polynomial.images],
  ],
)}
${
  conversion &&
  table(
    `The first stage of the conversion, run live in ${formatSeconds(conversion.seconds)} on 1,500 images`,
    ['stage', 'validation'],
    conversion.stages.map(({ name, accuracy }) => [name, percent(accuracy, 1)]),
  )
}
${missing && html`<p>The original model and a live piece of the conversion need ONNX Runtime: <code>${missing}</code></p>`}
<p>Predicted before any key existed: ${seconds(program.predictedCpuSeconds)} of processor time and
${gib(program.predictedPeakBytes)} of memory. ${result.machine}.</p>`,
  );
}

function answer({ index, label, original, polynomial, encrypted, difference, agrees }: DemoImage): Markup {
  const row = (name: string, logits: readonly number[]) => [name, best(logits), ...logits.map((x) => x.toFixed(2))];
  const verdict = agrees
    ? html`<span class="good">The encrypted answer is ${best(encrypted.logits)}, as in clear.</span>`
    : html`<span class="alert">The encrypted answer is ${encrypted.trusted ? best(encrypted.logits) : 'flagged as untrusted'}; in clear it is ${best(polynomial)}.</span>`;
  return html`<section><h3>Image ${index}, a ${label}</h3>${digit(index)}
<p>${verdict} Largest difference of a logit, at unit spread: ${difference.toExponential(1)}.</p>
${table(`Logits of image ${index}`, ['model', 'answer', ...polynomial.map((_, k) => `${k}`)], [
    ...(original ? [row('original', original)] : []),
    row('polynomial', polynomial),
    row('encrypted', encrypted.logits),
  ])}</section>`; // biome-ignore format: markup
}

/** The image as squares of grey. */
function digit(index: number): Markup {
  const squares = pixelsOf(testImages(), index).flatMap((byte, at) =>
    byte === 0
      ? []
      : [html`<rect x="${at % side}" y="${Math.floor(at / side)}" width="1" height="1" fill-opacity="${(byte / 255).toFixed(2)}"/>`],
  ); // biome-ignore format: markup
  return html`<svg viewBox="0 0 ${side} ${side}" width="112" height="112" role="img" aria-label="the image that was encrypted" shape-rendering="crispEdges" fill="currentColor">${squares}</svg>`;
}
