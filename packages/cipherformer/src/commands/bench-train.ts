import type { Command } from 'commander';
import { benchTraining, trainingShortfall, trainingTable } from '../bench/training.ts';
import { positiveInteger } from '../terminal/numbers.ts';
import { note, print } from '../terminal/output.ts';

interface Options {
  readonly steps: number;
  readonly peers: boolean;
  readonly memory?: boolean;
  readonly json?: boolean;
}

/** `cipherformer bench train`: a training step of this package, beside the same on @jax-js/jax. */
export function registerBenchTrain(bench: Command): void {
  bench
    .command('train')
    .description('One training step: GFLOP per CPU-second, beside @jax-js/jax')
    .option('--steps <n>', 'steps to measure', positiveInteger, 40)
    .option('--no-peers', 'leave @jax-js/jax out')
    .option('--memory', 'also run 1,000 steps and compare the memory')
    .option('--json', 'JSON on stdout')
    .action(async ({ steps, peers, memory = false, json }: Options) => {
      const report = await benchTraining({ steps, peers, memory, note });
      print(json, { value: report, text: () => trainingTable(report), shortfall: trainingShortfall(report) });
    });
}
