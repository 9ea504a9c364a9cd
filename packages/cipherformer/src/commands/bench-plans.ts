import type { Command } from 'commander';
import { benchPlans, planTable } from '../bench/plans.ts';
import { shapeNames } from '../shapes/shapes.ts';
import { print } from '../terminal/output.ts';
import { withStages } from '../terminal/with-stages.ts';

interface Options {
  readonly throughput?: boolean;
  readonly json?: boolean;
}

/** `cipherformer bench plans`: what the encrypted programs of models would cost, without making a key or training one. */
export function registerBenchPlans(bench: Command): void {
  bench
    .command('plans')
    .description('Predicted cost of encrypted programs at full security, for large models by their shape alone')
    .argument('[models...]', `names of shapes (${shapeNames.join(', ')}) or folders of polynomial models; default: all shapes`)
    .option('--throughput', 'also the batch that makes the time of one input the least')
    .option('--json', 'JSON on stdout')
    .action(async (models: readonly string[], { throughput = false, json }: Options) => {
      const rows = await withStages('stopping; nothing is kept', (signal, { update }) =>
        benchPlans({ ...(models.length > 0 ? { models } : {}), throughput, progress: update, signal }),
      );
      print(json, { value: rows, text: () => planTable(rows) });
    }); // biome-ignore format: options
}
