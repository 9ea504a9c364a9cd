import type { Command } from 'commander';
import { serviceTable } from '../bench/tables.ts';
import { currentCommit, describeMachine } from '../measure/machine.ts';
import { machineLine } from '../measure/report.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { note, print } from '../terminal/output.ts';

interface Options {
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
    .action(async ({ json, ...options }: Options) => {
      const { measureService } = await import('@cipherformer/service/bench');
      // Before the work: afterwards the load is our own.
      const [machine, commit] = [describeMachine(), currentCommit() ?? null];
      const results = await interruptible('stopping; nothing is kept', (signal) =>
        measureService({ ...options, note: (text) => note(`${text} ...`), signal }),
      );
      print(json, {
        value: { machine, commit, results },
        text: () => `${machineLine(machine)}, commit ${commit}\n${serviceTable(results)}`,
      });
    });
}
