import { bootstrapLiteral, Context, Parameters } from '@cipherformer/ckks';
import { measureCosts } from '@cipherformer/compiler/costs';
import type { Command } from 'commander';
import { interruptible } from '../terminal/interrupt.ts';
import { positiveInteger } from '../terminal/numbers.ts';
import { type Bar, startBar } from '../terminal/progress.ts';
import { renderTable } from '../terminal/table.ts';

interface BenchCostsOptions {
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
    .action(benchCosts);
}

async function benchCosts({ runs, bootstraps, json }: BenchCostsOptions): Promise<void> {
  using context = await Context.create(Parameters.from(bootstrapLiteral()));
  let bar: Bar | undefined;
  const table = await interruptible('stopping after this level', (signal) =>
    measureCosts(context, {
      runs,
      bootstraps,
      signal,
      progress: ({ done, total, detail = '' }) => {
        bar ??= startBar('bench costs', total);
        bar.update(done, detail);
      },
    }),
  ).finally(() => bar?.stop());
  if (json) {
    process.stdout.write(`${JSON.stringify(table)}\n`);
    return;
  }
  const levels = Object.values(table.milliseconds)[0]!
    .map((_, level) => level)
    .slice(1);
  const rows = Object.entries(table.milliseconds).map(([name, values]) => [
    name,
    ...levels.map((level) => values[level]!.toFixed(values[level]! < 10 ? 1 : 0)),
  ]);
  process.stdout.write(`${renderTable(['processor ms at level', ...levels.map(String)], rows)}\n`);
}
