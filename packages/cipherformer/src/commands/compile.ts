import { writeProgram } from '@cipherformer/compiler/server';
import type { Command } from 'commander';
import { describeProgram } from '../program/summary.ts';
import { positiveInteger } from './train.ts';

interface CompileCommandOptions {
  readonly out: string;
  readonly batch: number;
  readonly json?: boolean;
}

/** `cipherformer compile <poly-model>`: the encrypted program of a polynomial model, its parameters and key set. */
export function registerCompile(program: Command): void {
  program
    .command('compile')
    .description('Compile a polynomial model to an encrypted program: parameters, keys, predicted time and memory')
    .argument('<poly-model>', 'folder of a polynomial model')
    .requiredOption('--out <folder>', 'the new folder of the program')
    .option('--batch <n>', 'examples computed at once, a power of two', positiveInteger, 1)
    .option('--json', 'the manifest as JSON on stdout')
    .action(async (model: string, { out, batch, json }: CompileCommandOptions) => {
      const { manifest, parameters } = await writeProgram(model, out, { batch });
      const text = json ? JSON.stringify({ program: out, ...manifest }) : describeProgram(manifest, parameters);
      process.stdout.write(`${text}\n`);
    });
}
