import { bootstrapLiteral, Context, Parameters } from '@cipherformer/ckks';
import { measureCosts } from '@cipherformer/compiler/costs';
import type { Command } from 'commander';
import { costTable } from '../bench/tables.ts';
import { positiveInteger } from '../terminal/numbers.ts';
import { print } from '../terminal/output.ts';
import { withStages } from '../terminal/with-stages.ts';

interface Options {
  readonly runs: number;
  readonly bootstraps: boolean;
  readonly json?: boolean;
}

/** `cipherformer bench costs`: what every operation of an encrypted program costs at every level. */
export function registerBenchCosts(bench: Command): void {
  bench
    .command('costs')
    .description('Measure the operations of encrypted programs at every level: the table that predictions come from')
    .option('--runs <n>', 'runs to take the fastest of', positiveInteger, 5)
    .option('--no-bootstraps', 'leave out the bootstraps, which need 6 GiB')
    .option('--json', 'the table as JSON on stdout')
    .action(async ({ json, ...options }: Options) => {
      using context = await Context.create(Parameters.from(bootstrapLiteral()));
      const costs = await withStages('stopping after this level; nothing is kept', (signal, { update }) =>
        measureCosts(context, { ...options, signal, progress: update }),
      );
      print(json, { value: costs, text: () => costTable(costs) });
    });
}
