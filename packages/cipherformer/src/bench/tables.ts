import { gib } from '@cipherformer/base';
import type { CostTable } from '@cipherformer/compiler/costs';
import type { ServiceFigures } from '@cipherformer/service/bench';
import { renderTable } from '../terminal/table.ts';

// What other packages measure, for a person.

/** Processor milliseconds of every operation, a column a level. */
export function costTable({ milliseconds }: CostTable): string {
  const levels = Object.values(milliseconds)[0]!
    .map((_, level) => level)
    .slice(1);
  const rows = Object.entries(milliseconds).map(([name, values]) => [
    name,
    ...levels.map((level) => values[level]!.toFixed(values[level]! < 10 ? 1 : 0)),
  ]);
  return renderTable(['processor ms at level', ...levels.map(String)], rows);
}

/** What a service takes without its computing. */
export function serviceTable(figures: ServiceFigures): string {
  const { smallRequests, watched, restart } = figures;
  const mega = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB/s`;
  const rate = (perSecond: number, p99Ms: number) =>
    `${perSecond.toFixed(0)} a second, 99 of 100 within ${p99Ms.toFixed(1)} ms`;
  const memory = (bytes: number | undefined) => (bytes === undefined ? 'not told here' : gib(bytes, 2));
  return renderTable(
    ['what', 'measured'],
    [
      ['small requests', rate(smallRequests.perSecond, smallRequests.p99Ms)],
      [
        `the same beside ${watched.watchers} watchers`,
        `${rate(watched.perSecond, watched.p99Ms)}; ${watched.told} were told the end`,
      ],
      ['upload', mega(figures.uploadBytesPerSecond)],
      [
        'processor time of a request, of a gigabyte sent',
        `${figures.cpuMsOfRequest?.toFixed(2)} ms, ${figures.cpuSecondsOfGigabyte?.toFixed(1)} s`,
      ],
      ['the disk, synchronised', mega(figures.diskBytesPerSecond)],
      ['memory at rest', memory(figures.memoryBytes)],
      ['memory, 20 owners sending', memory(figures.memoryOf20OwnersBytes)],
      ['the next job, from request to result', `${figures.nextJobSeconds.toFixed(3)} s`],
      ['start, empty', `${figures.emptyStartSeconds.toFixed(2)} s`],
      [
        `start, ${restart.keysets} key sets, ${restart.jobs} jobs`,
        `${restart.seconds.toFixed(2)} s, ${restart.cpuSeconds?.toFixed(2)} s of processor time`,
      ],
    ],
  );
}
