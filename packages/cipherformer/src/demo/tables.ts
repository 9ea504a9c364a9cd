import { gib } from '@cipherformer/base';
import pc from 'picocolors';
import { best } from '../measure/statistics.ts';
import { formatSeconds } from '../terminal/progress.ts';
import { renderTable } from '../terminal/table.ts';
import type { DemoImage, DemoResult } from './result.ts';

/** The answers, and what they took. */
export const demoTables = (result: DemoResult): string => `${logitTables(result)}\n${summary(result)}`;

/** The logits of each image, of every model. */
function logitTables({ images }: DemoResult): string {
  return images
    .map(({ index, label, original, polynomial, encrypted }) => {
      const row = (name: string, logits: readonly number[]) => [
        name,
        ...logits.map((x, k) => (k === best(logits) ? pc.bold(x.toFixed(3)) : x.toFixed(3))),
      ];
      const rows = [row('polynomial', polynomial), row('encrypted', encrypted.logits)];
      if (original) rows.unshift(row('original', original));
      return renderTable([`image ${index}, a ${label}`, ...polynomial.map((_, k) => `${k}`)], rows);
    })
    .join('\n');
}

/** What the whole took. */
function summary({ images, seconds, evaluationBytes }: DemoResult): string {
  const agree = images.filter(({ agrees }) => agrees).length;
  const of = (pick: (image: DemoImage) => number) => Math.max(...images.map(pick));
  return renderTable(
    ['', ''],
    [
      ['encrypted answers as in clear', `${agree} of ${images.length}`],
      ['largest difference of a logit, at unit spread', of((i) => i.difference).toExponential(1)],
      ['slowest answer, cold', `${of((i) => i.encrypted.coldSeconds).toFixed(1)} s`],
      ['of that the run itself, warm', `${of((i) => i.encrypted.warmSeconds).toFixed(1)} s`],
      ['processor time', `${of((i) => i.encrypted.cpuSeconds).toFixed(1)} s`],
      ['peak memory of the server', gib(of((i) => i.encrypted.peakRssBytes))],
      ['evaluation keys', gib(evaluationBytes)],
      ['an encrypted image', `${(of((i) => i.encrypted.inputBytes) / 2 ** 20).toFixed(1)} MiB`],
      ['the whole demo', formatSeconds(seconds)],
    ],
  );
}
