import type { Command } from 'commander';
import { benchedModels, benchModels, modelsTable, trainedModels } from '../bench/models.ts';
import { positiveInteger, seedNumber } from '../terminal/numbers.ts';
import { print } from '../terminal/output.ts';
import { withStages } from '../terminal/with-stages.ts';

interface Options {
  readonly questions: number;
  readonly seed: number;
  readonly against?: string;
  readonly json?: boolean;
}

/** `cipherformer bench models`: whole models, encrypted, each step in a process of its own; against another build too. */
export function registerBenchModels(bench: Command): void {
  bench
    .command('models')
    .description('Ask whole models encrypted, from key generation to the answer: time, memory, bytes, answers')
    .argument('[models...]', `of ${benchedModels.join(', ')}; the first ${trainedModels.length} are trained, the others have random weights`, ['mnist'])
    .option('--questions <n>', 'of each model, each a cold run; times are medians', positiveInteger, 1)
    .option('--seed <n>', 'of random weights and inputs', seedNumber, 1)
    .option('--against <checkout>', 'an older checkout, installed and built: ask it the same in turns, and give ratios')
    .option('--json', 'JSON on stdout')
    .action(async (models: readonly string[], { json, ...options }: Options) => {
      const report = await withStages('stopping; nothing is kept', (signal, { update }) =>
        benchModels(models, { ...options, progress: update, signal }),
      );
      print(json, { value: report, text: () => modelsTable(report) });
    }); // biome-ignore format: options
}
