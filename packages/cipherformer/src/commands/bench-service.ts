import { gib } from '@cipherformer/base';
import type { ServiceFigures } from '@cipherformer/service/bench';
import type { Command } from 'commander';
import { currentCommit, describeMachine } from '../measure/machine.ts';
import { machineLine } from '../measure/report.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { renderTable } from '../terminal/table.ts';

interface BenchServiceOptions {
  readonly quick?: boolean;
  readonly folder?: string;
  readonly json?: boolean;
}

/** `cipherformer bench service`: requests, uploads, memory, watchers and restarts of a service. */
export function registerBenchService(bench: Command): void {
  bench
    .command('service')
    .description('Measure a service without its computing: requests, uploads, memory, watchers, restarts')
    .option('--quick', 'a few of each: for a first look')
    .option('--folder <folder>', 'on the disk to measure (default: the temporary folder)')
    .option('--json', 'JSON on stdout')
    .action(benchService);
}

async function benchService({ json, ...options }: BenchServiceOptions): Promise<void> {
  const { measureService } = await import('@cipherformer/service/bench');
  // Before the work: afterwards the load is our own.
  const [machine, commit] = [describeMachine(), currentCommit() ?? null];
  const note = (text: string) => void process.stderr.write(`${text} ...\n`);
  await interruptible('stopping; nothing is kept', async (signal) => {
    const figures = await measureService({ ...options, note, signal });
    process.stdout.write(
      json
        ? `${JSON.stringify({ machine, commit, results: figures })}\n`
        : `${machineLine(machine)}, commit ${commit}\n${table(figures)}\n`,
    );
  });
}

function table(figures: ServiceFigures): string {
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
