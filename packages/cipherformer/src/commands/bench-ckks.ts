import type { Command } from 'commander';
import { benchCkks, ckksSections, ckksTable } from '../bench/ckks.ts';
import { namesOf, positiveInteger, wholeNumbers } from '../terminal/numbers.ts';
import { print } from '../terminal/output.ts';
import { withStages } from '../terminal/with-stages.ts';

interface Options {
  readonly threads: number[];
  readonly runs: number;
  readonly only: (typeof ckksSections)[number][];
  readonly json?: boolean;
}

/** `cipherformer bench ckks`: encryption, operations and bootstrapping at 128-bit security, N = 2^16. */
export function registerBenchCkks(bench: Command): void {
  bench
    .command('ckks')
    .description('Time encryption, operations and bootstrapping at 128-bit security (N = 2^16; 7 GiB, minutes)')
    .option('--threads <list>', 'thread counts of the bootstraps and operations', wholeNumbers(1, 256), [1, 2])
    .option('--runs <count>', 'bootstraps to take the median of', positiveInteger, 5)
    .option('--only <sections>', `of ${ckksSections.join(',')}`, namesOf(ckksSections), [...ckksSections])
    .option('--json', 'JSON on stdout')
    .action(async ({ only: sections, json, ...options }: Options) => {
      const report = await withStages('stopping; nothing is kept', (signal, { update }) =>
        benchCkks({ ...options, sections, progress: update, signal }),
      );
      print(json, { value: report, text: () => ckksTable(report) });
    });
}
