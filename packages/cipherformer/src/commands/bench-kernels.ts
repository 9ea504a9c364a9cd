import { buildNames } from '@cipherformer/ckks';
import type { Command } from 'commander';
import { benchKernels, kernelTable } from '../bench/kernels.ts';
import { wholeNumbers } from '../terminal/numbers.ts';
import { print } from '../terminal/output.ts';
import { enableRelaxedSimd } from '../terminal/relaxed-simd.ts';
import { withStages } from '../terminal/with-stages.ts';

interface Options {
  readonly json?: boolean;
  readonly builds?: string;
  readonly logN: number[];
  readonly threads: number[];
  readonly quick?: boolean;
}

/** `cipherformer bench kernels`: microseconds of every kernel operation, per build, thread count and ring. */
export function registerBenchKernels(bench: Command): void {
  bench
    .command('kernels')
    .description('Time every kernel operation, and compare it with what multiplier and memory allow')
    .option('--builds <names>', `which builds, of ${buildNames.join(',')} (default: all that run here)`)
    .option('--log-n <list>', 'ring dimensions as powers of two', wholeNumbers(5, 17), [13, 16])
    .option('--threads <list>', 'thread counts (WebAssembly has one)', wholeNumbers(1, 256), [1, 2])
    .option('--quick', 'a few samples each: for a first look')
    .option('--json', 'JSON on stdout')
    .action(async ({ builds, logN, threads, quick, json }: Options) => {
      enableRelaxedSimd();
      const report = await withStages('stopping; nothing is kept', (signal, { update }) =>
        benchKernels({
          ...(builds === undefined ? {} : { builds: builds.split(',') }),
          ...(quick ? { sampleMs: 1, budgetMs: 30, minSamples: 3 } : {}),
          ...{ logNs: logN, threads, progress: update, signal },
        }),
      );
      print(json, { value: report, text: () => kernelTable(report) });
    });
}
