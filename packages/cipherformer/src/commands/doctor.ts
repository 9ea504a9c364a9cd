import type { Command } from 'commander';
import { diagnose, diagnosisText } from '../measure/diagnosis.ts';
import { commandLine } from '../terminal/command-line.ts';
import { print } from '../terminal/output.ts';

/** `cipherformer doctor`: what is loaded on this machine and why, and how to get what is missing. */
export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('Show which kernels run on this machine and why, and how to fix what is missing')
    .option('--json', 'JSON on stdout')
    .action(async (options: { json?: boolean }) => {
      const diagnosis = await diagnose();
      print(options.json, {
        value: diagnosis,
        text: () => diagnosisText(diagnosis),
        next: commandLine`cipherformer demo`,
        shortfall: diagnosis.loaded ? undefined : 'no kernels can be loaded on this machine',
      });
    });
}
